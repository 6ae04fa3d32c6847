# The kernel knows instructions by their address: those of a restartable sequence would
# be none elsewhere.
# entry: refused: there are restartable sequences in the file
# return: refused: there are restartable sequences in the file
	.include "packed.inc"
start
1:	lea	0x1234(%rdi), %rax
	xor	$0x5678, %rax
	mov	%rax, -8(%rsp)
2:	ret
	.byte	0x0f, 0xb9, 0x3d
	.long	0x53053053
3:	xor	%eax, %eax
stop
	.section __rseq_cs, "aw"
	.balign	32
	.long	0, 0
	.quad	1b, 2b - 1b, 3b
