# musl's __syscall_cp_asm, and as glibc has it since 2.41: the handler of pthread_cancel's
# signal asks whether ip is in there.
#= trap: pthread_cancel asks whether a thread was interrupted right here
#= trap: pthread_cancel asks whether a thread was interrupted right here
	fn cp
	mov	(%rdi),%eax
	test	%eax,%eax
	jnz	1f
	mov	%rdi,%r11
	mov	%rsi,%rax
	mov	8(%rsp),%r9
	syscall
	ret
1:	jmp	cp
	end cp
	.p2align 4
	fn arch
	endbr64
	testb	$8,(%rdi)
	jnz	1f
	mov	%rsi,%rax
	mov	8(%rsp),%r9
	syscall
	ret
1:	jmp	arch
	end arch
