# Behind it there is nothing.
# entry: refused: the function has 3 bytes and no padding
# return: refused: the function has 3 bytes and no padding
	.include "function.inc"
	.section .text.last, "ax"
	.balign	1
begin f
	xor	%eax, %eax
	ret
end f
