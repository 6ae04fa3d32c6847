# entry: jump
# return: return-a
# rdi: buffer
	.include "function.inc"
begin f
	mov	%rdi, %rax
	mov	%rsi, (%rdi)
	mov	%rdx, 16(%rdi)
	ret
end f
