# A jump from afar with a prefix is one.
# entry: refused: a jump leads to +0x1
# return: refused: a jump leads to +0x1
	.include "function.inc"
begin f
	add	$1, %rdi
	mov	%rdi, %rax
	ret
end f
	.p2align 12
begin far
	bnd jmp	f + 1
end far
