# entry: jump
# return: return-b
	.include "function.inc"
begin f
	mov	8(%rsp), %rax
	add	%rdi, %rax
	ret
end f
