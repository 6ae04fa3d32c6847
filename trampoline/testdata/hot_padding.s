# Made to be patched: room before it, and a first instruction that does nothing.
# entry: jump
# return: return-a
	.include "function.inc"
	.skip	5, 0x90
begin f
	xchg	%ax, %ax
	lea	1(%rdi), %eax
	ret
end f
