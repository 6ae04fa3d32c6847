# A call of two bytes comes back behind the short jump.
# entry: short
# return: return-a
# exec: no
	.include "function.inc"
begin f
	call	*%r11
	add	$1, %eax
	ret
end f
	.skip	5, 0xcc
neighbour
