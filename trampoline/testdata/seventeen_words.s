# entry: jump
# return: return-c
	.include "function.inc"
begin f
	mov	8(%rsp), %rax
	add	136(%rsp), %rax
	mov	%eax, %edx
	mov	%eax, %edx
	ret
end f
	.p2align 4
neighbour
