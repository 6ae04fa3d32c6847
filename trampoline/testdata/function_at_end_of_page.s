# Its padding lies in the next page.
# entry: padding
# return: return-a
	.include "function.inc"
	.p2align 12
	.skip	4093, 0xcc
begin f
	xor	%eax, %eax
	ret
end f
	.skip	32, 0x90
neighbour
