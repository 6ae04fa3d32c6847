# entry: jump
# return: return-a
	.include "function.inc"
begin f
	xor	%eax, %eax
	test	%edi, %edi
	js	1f
	lea	1(%rdi), %rax
1:	ret
end f
