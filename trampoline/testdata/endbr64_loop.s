# A loop begins right behind the landing pad. A patch there would count its rounds.
# entry: refused: a jump leads to +0x4
# return: refused: a jump leads to +0x4
	.include "function.inc"
begin f
	endbr64
	add	%esi, %eax
	dec	%dil
	jnz	f+4
	ret
end f
