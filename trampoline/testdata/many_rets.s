# entry: jump
# return: return-c
	.include "function.inc"
begin f
	mov	$0, %eax
	add	(%rsp), %rax
	test	$1, %dil
	jnz	1f
	test	$2, %dil
	jnz	2f
	lea	3(%rdi), %rdx
	ret
1:	lea	1(%rdi), %rdx
	ret
2:	lea	2(%rdi), %rdx
	ret
end f
