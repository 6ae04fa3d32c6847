# A branch skips a lock prefix, as libc's do where there is one thread: it leads
# between two bytes of an instruction.
# entry: refused: a jump leads to +0x3
# return: refused: a jump leads to +0x3
	.include "function.inc"
	.data
counter: .long 0
	.text
begin f
	xor	%eax, %eax
1:	lock
	incl	counter(%rip)
	dec	%edi
	js	2f
	jmp	1b+1
2:	ret
end f
