/* Functions for check, each of its own fate. */
	.text

	.macro function name
	.balign 16
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm

	.macro end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	function probe_plain
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_offset rbx, -16
	mov	%rdi, %rbx
	lea	1(%rbx), %rax
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	ret
	end probe_plain

	function probe_loop		/* jumps to its second instruction */
	xor	%eax, %eax
1:	inc	%eax
	dec	%edi
	jnz	1b
	ret
	end probe_loop

	function loop_too		/* to its second, which is one byte behind */
	cwtl
1:	inc	%eax
	dec	%edi
	jnz	1b
	ret
	end loop_too

	function probe_jumps_on		/* to where nobody knows, and looks where it came from */
	mov	(%rsp), %rsi
	nop
	jmp	*%rdi
	end probe_jumps_on

	function jumps_too
	mov	(%rsp), %rsi
	jmp	*%rdi
	end jumps_too

	function probe_short		/* one byte, and then padding */
	ret
	end probe_short

	function _ZN4http5serveEi	/* http::serve(int) */
	lea	1(%rdi), %eax
	add	%edi, %eax
	ret
	end _ZN4http5serveEi

	function serve.cold		/* where a frame is open */
	.cfi_def_cfa_offset 16
	lea	1(%rbx), %eax
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	ret
	end serve.cold

	function sys_getpid
	mov	$39, %eax
	syscall
	ret
	end sys_getpid

	function sys_return		/* rt_sigreturn, as debuggers know it */
	mov	$15, %rax
	syscall
	end sys_return

	function marked			/* a USDT marker, here:here, of one argument */
	xor	%eax, %eax
1:	nop
	lea	1(%rdi), %eax
	ret
	end marked

	.section .note.stapsdt, "", "note"
	.balign	4
	.long	3f - 2f, 5f - 4f, 3
2:	.asciz	"stapsdt"
3:	.balign	4
4:	.quad	1b, 0, 0
	.asciz	"here"
	.asciz	"here"
	.asciz	"8@%rdi"
5:	.balign	4

	.section .note.GNU-stack, "", @progbits
