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
	.p2align 4
# A lock: it has its number from elsewhere.
#= after 0xf-0x15
	fn lock
	mov	(%rdi),%eax
	cmp	$2,%eax
	je	1f
	mov	%rdx,%rax
	jmp	2f
1:	mov	%ecx,%eax
2:	nop
	syscall
	xchg	%eax,(%rdi)
	test	%eax,%eax
	jnz	1b
	ret
	end lock
