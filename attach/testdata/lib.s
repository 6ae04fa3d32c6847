# What specifications name in the tests: functions with little in them, each hard
# in the way its name says.

	.macro	begin name
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.p2align 4
	.endm

	.text
	.p2align 4
	.globl	first_alias
	.type	first_alias, @function
first_alias:
begin first
	mov	$1, %eax
	add	%edi, %eax
	ret
end first

begin second
	mov	$2, %eax
	add	%edi, %eax
	ret
end second

# One byte and a neighbour: no jump fits.
begin tiny
	ret
	.cfi_endproc
	.size	tiny, . - tiny
begin neighbour
	mov	$3, %eax
	ret
end neighbour

# Reads its return address, and its rets have no room: only the entry can be had.
begin no_return
	mov	$4, %eax
	cmp	(%rsp), %rax
	je	1f
	ret
1:	ret
end no_return

# An IFUNC: chosen is a resolver, which picks implementation.
	.globl	chosen
	.type	chosen, @gnu_indirect_function
chosen:
	lea	.Limplementation(%rip), %rax
	ret
	.size	chosen, . - chosen
	.p2align 4
begin implementation
.Limplementation:
	mov	$5, %eax
	ret
end implementation

# A cold part, as gcc names it.
	.type	first.cold, @function
first.cold:
	mov	$6, %eax
	ret
	.size	first.cold, . - first.cold
	.p2align 4

	.type	twin, @function
twin:	.cfi_startproc
	mov	$7, %eax
	ret
	.cfi_endproc
	.size	twin, . - twin

	.section .note.GNU-stack, "", @progbits
