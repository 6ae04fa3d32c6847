# Only with the landing pad there are five bytes.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	endbr64
	ret
end f
neighbour
