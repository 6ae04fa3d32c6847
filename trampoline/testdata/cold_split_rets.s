# Both parts have a ret, and the function behind the cold part begins with what
# looks like padding.
# entry: jump
# return: refused: has no five bytes
	.include "function.inc"
begin f
	push	%rbx
	.cfi_adjust_cfa_offset 8
	mov	8(%rsp), %rdx
	mov	%edi, %ebx
	test	%edi, %edi
	js	f.cold
	lea	1(%rbx), %eax
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	ret
end f
	.skip	200, 0xcc
	.type	f.cold, @function
f.cold:	.cfi_startproc
	.cfi_def_cfa_offset 16
	lea	2(%rbx), %eax
	test	$1, %bl
	jnz	1f
	dec	%eax
1:	pop	%rbx
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	f.cold, . - f.cold
begin g
	nop
	nop
	nop
	ret
end g
