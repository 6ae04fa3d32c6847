# Nine bytes are one too few for two jumps.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	lea	5(%rdi), %rax
	mov	$6, %eax
stop
