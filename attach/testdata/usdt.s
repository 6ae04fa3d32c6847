# Markers: each hard in the way its name says. A note is made by hand, as sys/sdt.h does.

	.macro	marker name, semaphore, args
	.pushsection .note.stapsdt, "", "note"
	.balign	4
	.4byte	2f - 1f, 4f - 3f, 3
1:	.asciz	"stapsdt"
2:	.balign	4
3:	.8byte	9f, 0, \semaphore
	.asciz	"p"
	.asciz	"\name"
	.asciz	"\args"
4:	.balign	4
	.popsection
9:	nop
	.endm

	.macro	begin name
	.p2align 4
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.text
# Two places of one marker, which share a semaphore.
begin first
	mov	$1, %eax
	marker	twice, on, "8@%rdi 4@%eax"
	add	%edi, %eax
	lea	(%rax, %rax), %rax
	ret
end first
begin second
	mov	$2, %eax
	marker	twice, on, "-4@8(%rsp) 8f@%xmm0 2@(%rsi,%rdx,2)"
	add	%edi, %eax
	lea	(%rax, %rax), %rax
	ret
end second

# At the start of a function, and in the first bytes of one.
begin begins
	marker	begins, 0, ""
	mov	$3, %eax
	ret
end begins
begin near
	push	%rbx
	marker	near, 0, "8@value(%rip)"
	mov	$4, %ebx
	mov	%ebx, %eax
	pop	%rbx
	ret
end near

# A loop leads right behind the nop, and what is before it returns to it.
begin tight
	mov	(%rsp), %rax
	call	*%rax
	marker	tight, 0, ""
1:	dec	%eax
	jnz	1b
	ret
end tight

# The same, but what is before it runs on into it.
begin led
	test	%edi, %edi
	jz	1f
	lea	4(%rdi, %rdi), %edi
	marker	led, 0, ""
1:	dec	%edi
	jnz	1b
	ret
end led

# Semaphores that are none.
begin wrong
	mov	$5, %eax
	marker	intext, first, ""
	add	$1, %eax
	add	$1, %eax
	marker	odd, on + 1, ""
	add	$1, %eax
	add	$1, %eax
	marker	relro, constant, ""
	add	$1, %eax
	add	$1, %eax
	ret
end wrong

	.section .probes, "aw"
	.balign	2
on:	.2byte	0
	.2byte	0

	.data
value:	.8byte	1

	.section .data.rel.ro, "aw"
	.balign 16
constant: .8byte first

	.section .note.GNU-stack, "", @progbits
