# It has no long form.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	jrcxz	1f
	lea	1(%rdi), %rax
	ret
1:	lea	2(%rdi), %rax
	ret
end f
