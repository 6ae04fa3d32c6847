# What looks like padding is the next function, which is called from elsewhere.
# entry: refused: the function has 3 bytes and no padding
# return: refused: the function has 3 bytes and no padding
	.include "function.inc"
begin f
	xor	%eax, %eax
	ret
end f
begin g
	nop
	nop
	nop
	lea	2(%rdi), %rax
	ret
end g
