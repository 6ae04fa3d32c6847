# Looks like a switch and is none: where it goes is not known.
# entry: jump
# return: return-d
	.include "function.inc"
	.section .data.rel.ro, "aw"
	.balign	8
table:	.quad	one, two
	.text
begin f
	and	$1, %edi
	lea	table(%rip), %rax
	jmp	*(%rax,%rdi,8)
end f
	.p2align 4
begin one
	mov	$1, %eax
	ret
end one
	.p2align 4
begin two
	mov	8(%rsp), %rax
	ret
end two
