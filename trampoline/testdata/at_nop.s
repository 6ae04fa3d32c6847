# A marker of sys/sdt.h: a byte of nop, and the patch reaches over what follows.
# entry: jump
# return: return-a
# at +0x5: jump
# at +0x6: jump
# at +0x7: refused: no instruction begins at +0x7: one begins at +0x6, the next at +0x9
	.include "function.inc"
begin f
	mov	$5, %eax
	nop
	add	%rdi, %rax
	mov	%rax, -8(%rsp)
	add	-8(%rsp), %rax
	ret
end f
	.p2align 4
