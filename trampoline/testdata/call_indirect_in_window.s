# Its return address would lie within the patch.
# entry: refused: a call in the first five bytes
# return: refused: a call in the first five bytes
	.include "function.inc"
begin f
	inc	%edi
	call	*%rsi
	add	%rdi, %rax
	ret
end f
