# entry: jump
# return: return-a
	.include "function.inc"
begin f
	push	%rbx
	.cfi_adjust_cfa_offset 8
	mov	%edi, %ebx
	test	%edi, %edi
	js	f.cold
	lea	1(%rbx), %eax
1:	pop	%rbx
	.cfi_adjust_cfa_offset -8
	ret
end f
	.skip	200, 0xcc
	.type	f.cold, @function
f.cold:	.cfi_startproc
	.cfi_def_cfa_offset 16
	lea	2(%rbx), %eax
	jmp	1b
	.cfi_endproc
	.size	f.cold, . - f.cold
