# A 16-byte argument: both of its words are read.
# entry: jump
# return: return-b
	.include "function.inc"
begin f
	movups	16(%rsp), %xmm0
	mov	24(%rsp), %rax
	ret
end f
