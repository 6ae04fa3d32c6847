# The same by a conditional branch.
# entry: refused: a jump leads to +0x3
# return: refused: a jump leads to +0x3
	.include "function.inc"
begin f
	mov	%rdi, %rax
1:	add	$1, %rax
	ret
end f
	.skip	200000, 0xcc
begin g
	test	%rdi, %rdi
	jnz	1b
	ret
end g
