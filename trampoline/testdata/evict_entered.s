# A loop begins among the instructions that would leave.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	lea	0x1234(%rdi), %rax
1:	xor	$0x5678, %rax
	dec	%edi
	jg	1b
stop
