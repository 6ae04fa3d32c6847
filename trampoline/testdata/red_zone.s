# entry: jump
# return: return-a
	.include "function.inc"
begin f
	mov	%rdi, -8(%rsp)
	movaps	%xmm0, -24(%rsp)
	mov	%rsi, -128(%rsp)
	mov	-8(%rsp), %rax
	add	-24(%rsp), %rax
	add	-128(%rsp), %rax
	ret
end f
