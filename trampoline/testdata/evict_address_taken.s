# Code takes an address among them: it may jump there, or return.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	lea	0x1234(%rdi), %rax
1:	xor	$0x5678, %rax
	jrcxz	2f
2:	lea	1b(%rip), %rdx
	push	%rdx
stop
