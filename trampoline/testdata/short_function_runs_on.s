# It has no end: what is behind it belongs to it.
# entry: refused: it runs on into the function behind it
# return: refused: it runs on into the function behind it
# exec: no
	.include "function.inc"
begin f
	xor	%eax, %eax
end f
neighbour
