# The function behind f makes room, but not with its first bytes, which a later
# probe of its own may need.
# entry: evict
# return: return-a
	.include "packed.inc"
start
	lea	0x1234(%rdi), %rax
	xor	$0x5678, %rax
stop
