# Short, over less than the patch takes.
# entry: refused: a jump leads to +0x3
# return: refused: a jump leads to +0x3
	.include "function.inc"
begin f
	jmp	1f
	nop
1:	lea	1(%rdi), %rax
	ret
end f
