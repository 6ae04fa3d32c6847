# What it jumps to reads the caller's frame.
# entry: jump
# return: return-b
	.include "function.inc"
begin f
	add	$1, %rdi
	jmp	g
end f
	.p2align 4
begin g
	mov	8(%rsp), %rax
	add	%rdi, %rax
	ret
end g
