/* What is probed. site_NAME is a function; at_NAME is where the host jumps to with
 * everything set, NAME is the instruction that is probed. */
	.text

	.macro	begin name
	.globl	site_\name
	.type	site_\name, @function
	.p2align 4
site_\name:
	.cfi_startproc
	.endm

/* Goes back to the host, behind `jmp` to here nothing has changed. */
	.macro	end name
	jmp	*site_back(%rip)
	.cfi_endproc
	.size	site_\name, . - site_\name
	.endm

	.macro	point name
	.globl	at_\name
	.type	at_\name, @object
at_\name:
	.endm

/* As sys/sdt.h leaves them: one byte, and the window reaches over what follows. */
begin nop1
	nopw	0(%rax,%rax,1)
	point nop1
	nop
	nopl	0(%rax)
	nopl	0(%rax)
end nop1

begin nop5
	nopw	0(%rax,%rax,1)
	point nop5
	nopl	0(%rax,%rax,1)
end nop5

/* What is displaced reads every flag, and the red zone. */
begin flags
	nopw	0(%rax,%rax,1)
	point flags
	adc	%rbx, %rax
	seto	%cl
	lahf
	mov	-8(%rsp), %rdx
	jc	1f
	xor	-128(%rsp), %rsi
1:	cmc
end flags

begin jumps
	nopw	0(%rax,%rax,1)
	point jumps
	jo	1f
	js	2f
	lea	1(%rbx), %rbx
1:	lea	2(%rcx), %rcx
2:	nopw	0(%rax,%rax,1)
end jumps

/* A call amid a function: what is below rsp is the callee's, here two words. */
begin call
	nopw	0(%rax,%rax,1)
	point call
	nop
	call	1f
	lea	-3(%rdx), %rdx
	jmp	2f
1:	mov	(%rsp), %rax
	movq	$0, -8(%rsp)
	lea	site_call(%rip), %rcx
	sub	%rcx, %rax
	ret
2:	nop
end call

/* The end of a function that has padding behind it. */
begin last
	nopw	0(%rax,%rax,1)
	point last
	lea	1(%rdi), %rdi
	jmp	1f
	.cfi_endproc
	.size	site_last, . - site_last
	.p2align 4
begin after_last
1:	jmp	*site_back(%rip)
end after_last

/* Functions, which are called. f_none has no way to have its return probed. */
	.macro	function name
	.globl	site_\name, at_\name
	.type	site_\name, @function
	.p2align 4
site_\name:
at_\name:
	.cfi_startproc
	nopl	0(%rax,%rax,1)
	.endm

	.macro	returns name
	ret
	.cfi_endproc
	.size	site_\name, . - site_\name
	.endm

function f_a
	not	%rbx
returns f_a

function f_b
	not	%rbx
	mov	8(%rsp), %rcx
returns f_b

function f_c
	not	%rbx
	mov	(%rsp), %rcx
	nopl	0(%rax,%rax,1)
returns f_c

function f_d
	not	%rbx
	jmp	*site_tail(%rip)
	.cfi_endproc
	.size	site_f_d, . - site_f_d
	.p2align 4
tail:	lea	1(%rcx), %rcx
	ret

function f_none
	not	%rbx
	mov	(%rsp), %rcx
	jrcxz	1f
	ret
1:
returns f_none

/* Short instructions, so that windows of probes would overlap. */
	.macro	many name, second
	.globl	site_\name, at_\name
	.type	site_\name, @function
	.p2align 4
site_\name:
at_\name:
	.cfi_startproc
	nop
	nop
	nop
	nop
	nop
	nop
	not	%rbx
	nop
	cmc
	nop
	mov	\second, %rdx
	ret
	.cfi_endproc
	.size	site_\name, . - site_\name
	.endm
	many f_many_a, -100(%rsp)
	many f_many_c, (%rsp)

/* Where programs send the host instead. */
	.globl	site_elsewhere
	.p2align 4
site_elsewhere:
	lea	1(%rdi), %rdi
	jmp	*site_back(%rip)

/* ---- the host's side ---- */

#define RSP 120
#define FLAGS 136
#define XMM 144

	.macro	each_register op
	\op	0, %r15
	\op	8, %r14
	\op	16, %r13
	\op	24, %r12
	\op	32, %rbp
	\op	40, %rbx
	\op	48, %r11
	\op	56, %r10
	\op	64, %r9
	\op	72, %r8
	\op	80, %rax
	\op	88, %rcx
	\op	96, %rdx
	\op	104, %rsi
	\op	112, %rdi
	.endm
	.macro	load at, r
	mov	state+\at(%rip), \r
	.endm
	.macro	store at, r
	mov	\r, state+\at(%rip)
	.endm

	.globl	run_site
	.type	run_site, @function
run_site:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, host_rsp(%rip)
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	state+XMM+16*\n(%rip), %xmm\n
	.endr
	push	state+FLAGS(%rip)
	popfq
	each_register load
	mov	state+RSP(%rip), %rsp
	jmp	*site_target(%rip)
back:	each_register store
	mov	%rsp, state+RSP(%rip)
	mov	host_rsp(%rip), %rsp
	pushfq
	pop	state+FLAGS(%rip)
	push	$0x202
	popfq
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	%xmm\n, state+XMM+16*\n(%rip)
	.endr
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	run_site, . - run_site

	.data
	.globl	site_back
site_back:
	.quad	back
site_tail:
	.quad	tail
	.bss
host_rsp:
	.skip	8
	.section .note.GNU-stack,"",@progbits
