# What the kernel calls behind a handler, and unwinders compare with these very bytes.
# Unwind data begins a byte before it.
# entry: refused: it returns from a signal handler
# return: refused: it returns from a signal handler
# exec: no
	.include "function.inc"
begin f
	nop
	mov	$15, %rax
	syscall
end f
	.p2align 4
neighbour
