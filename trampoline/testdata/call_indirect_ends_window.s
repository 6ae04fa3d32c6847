# Its return address lies right behind the patch.
# entry: jump
# return: return-a
	.include "function.inc"
	.section .data.rel.ro, "aw"
slot:	.quad	g
	.text
begin f
	inc	%edi
	call	*slot(%rip)
	add	%rdi, %rax
	ret
end f
	.p2align 4
begin g
	lea	2(%rdi), %rax
	ret
end g
