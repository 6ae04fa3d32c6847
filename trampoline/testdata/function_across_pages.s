# entry: jump
# return: return-a
	.include "function.inc"
	.p2align 12
	.skip	4094, 0xcc
begin f
	lea	1(%rdi), %eax
	lea	1(%rdi), %rax
	ret
end f
