# The call would return into the patch.
# entry: jump
# return: refused: has no five bytes
	.include "function.inc"
begin f
	mov	$0, %eax
	mov	(%rsp), %rdx
	call	g
	ret
end f
neighbour
