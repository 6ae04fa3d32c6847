# The first sixteen bytes of a neighbour are not taken.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	ret
stop
