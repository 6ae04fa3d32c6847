# Every register is what the caller left there.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	nopl	0(%rax,%rax,1)
	record
	lea	1(%rdi), %rax
	ret
end f
