# A branch of the window leads right behind it.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	test	%edi, %edi
	js	1f
	inc	%edi
1:	lea	1(%rdi), %rax
	ret
end f
