# A switch that jumps through a retpoline may lead anywhere.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	lea	0x1234(%rdi), %rax
	xor	$0x5678, %rax
	jmp	thunk
stop
	.p2align 12
	.type	thunk, @function
thunk:	.cfi_startproc
	call	2f
1:	pause
	lfence
	jmp	1b
2:	mov	%rax, (%rsp)
	ret
	.cfi_endproc
	.size	thunk, . - thunk
