# Short, with room behind it that nobody enters.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	jmp	1f
	.skip	3, 0x90
1:	lea	1(%rdi), %rax
	ret
end f
