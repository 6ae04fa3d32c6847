# entry: refused: the instruction at +0x5 cannot be decoded (06
# return: refused: the instruction at +0x5 cannot be decoded (06
	.include "function.inc"
begin f
	mov	$1, %eax
	.byte	0x06
	ret
end f
