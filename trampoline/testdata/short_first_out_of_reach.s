# One byte more: instructions of its own have to make room.
# entry: evict
# return: return-a
	.include "function.inc"
begin f
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	mov	$1, %ecx
	.skip	115, 0x90
	ret
end f
	.skip	5, 0xcc
neighbour
