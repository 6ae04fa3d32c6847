# Nothing but code within reach: instructions of f leave, far from the loop at its
# start, and two jumps stand in their place.
# entry: evict
# return: return-a
	.include "function.inc"
begin f
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	lea	5(%rsi,%rax), %rcx
	imul	$7, %rcx, %rdx
	xor	%rdx, %rcx
	mov	%ecx, %eax
	ret
end f
neighbour
