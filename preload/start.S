/* Entry of the agent when it is run as a program, by the dynamic linker: a fresh
 * compiler (compiler.c, compile_in_process). Libraries are initialised, but nobody
 * runs the constructors of a main program but itself; the stack holds argc and
 * argv. */
	.text
	.globl	_start
	.hidden	_start
	.type	_start, @function
_start:
	.cfi_startproc
	.cfi_undefined rip
	xorl	%ebp, %ebp
	movq	(%rsp), %rdi
	leaq	8(%rsp), %rsi
	andq	$-16, %rsp
	call	bpftime_compiler_main
	ud2
	.cfi_endproc
	.size _start, .-_start
	.section .note.GNU-stack,"",@progbits
