# What enters at the first of them is led to where they run.
# entry: evict
# return: return-a
	.include "packed.inc"
start
1:	lea	0x1234(%rdi), %rax
	xor	$0x5678, %rax
	dec	%edi
	jg	1b
stop
