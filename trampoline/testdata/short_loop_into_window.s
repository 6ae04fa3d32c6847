# A loop begins inside the first five bytes: two are enough for a short jump to the
# padding behind f, where the long one stands.
# entry: short
# return: return-a
	.include "function.inc"
begin f
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	ret
end f
	.p2align 4
neighbour
