# As glibc's clone3: unwind data ends before the syscall, since it would be wrong in the
# child, and there is no symbol. The mov is the function's last instruction, and nobody
# jumps behind it.
#= mov 0x8-0xf nr 435
#= outside nr 60
	.p2align 4
	.cfi_startproc
	test	%rdi,%rdi
	je	1f
	mov	%rcx,%r8
	mov	$435,%eax
	.cfi_endproc
	syscall
	test	%rax,%rax
	jl	1f
	je	2f
	ret
2:	xor	%ebp,%ebp
	mov	%r8,%rdi
	call	*%rdx
	mov	%rax,%rdi
	mov	$60,%eax
	syscall
1:	ret
