# A return to what was just pushed is a jump.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	lea	0x1234(%rdi), %rax
	xor	$0x5678, %rax
	push	%rax
stop
