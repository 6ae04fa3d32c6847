# A loop begins at the second instruction.
# entry: refused: a jump leads to +0x2
# return: refused: a jump leads to +0x2
	.include "function.inc"
begin f
	xor	%eax, %eax
1:	inc	%eax
	dec	%edi
	jg	1b
	ret
end f
