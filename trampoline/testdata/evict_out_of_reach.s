# They are there, but a rel8 does not go that far.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	.rept	53
	jrcxz	1f
1:
	.endr
	lea	0x1234(%rdi), %rax
	xor	$0x5678, %rax
stop
