# A branch leads to the ret, and behind it is somebody else.
# entry: jump
# return: refused: the ret at +0xe has no five bytes
	.include "function.inc"
begin f
	mov	$0, %eax
	add	(%rsp), %rax
	test	%dil, %dil
	js	1f
1:	ret
end f
neighbour
