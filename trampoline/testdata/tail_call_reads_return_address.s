# entry: jump
# return: refused: it reads its own return address
	.include "function.inc"
begin f
	add	$1, %rdi
	jmp	g
end f
	.p2align 4
begin g
	mov	(%rsp), %rax
	ret
end g
