# entry: jump
# return: return-b
	.include "function.inc"
begin f
	mov	8(%rsp), %rax
	add	128(%rsp), %rax
	ret
end f
