# Data of hand-written code: nothing leads there.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	mov	1f(%rip), %rax
	ret
1:	.skip	32, 0x90
stop
