// Functions in whose first bytes there is no room for a jump. detours.c calls them from several threads.

	.macro	function name
	.globl	\name
	.type	\name, @function
\name:	.cfi_startproc
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.macro	wall name // 128 bytes that cannot make room: each second one is entered
function \name
	.rept	64
	jrcxz	1f
1:
	.endr
	ret
end \name
	.endm

	.text
	.balign	16
function shorts // padding on both sides
	xor	%eax, %eax
1:	inc	%eax
	dec	%edi
	jns	1b
	ret
end shorts

	.balign	16
wall before
function evicts // code on both sides: its own makes room
	xor	%eax, %eax
1:	inc	%eax
	dec	%edi
	jns	1b
	lea	0x1234(%rax), %rcx
	xor	$0x5678, %rcx
	mov	%rcx, %rax
	ret
end evicts
function evicts_next // the function behind makes room
	mov	%edi, %eax
	ret
end evicts_next
function makes_room
	mov	%rdi, %rax
	imul	$3, %rax, %rax
	imul	$5, %rax, %rax
	imul	$7, %rax, %rax
	imul	$9, %rax, %rax
	xor	offset(%rip), %rax
	add	$0x1111, %rax
	ret
end makes_room
wall behind

	.balign	4096
function puns // entered at its second byte: the jump ends in what is there, some 800 MB below
	xchg	%eax, %edi
1:	add	$0xd03344, %eax
	dec	%esi
	jns	1b
	ret
end puns
wall beside
function puns_too // at its third, and nothing makes room: 1 GB below
	mov	%edi, %eax
1:	add	$0xc044, %eax
	dec	%esi
	jns	1b
	ret
end puns_too
wall behind_all

	.section .rodata
	.balign	8
offset:	.quad	0x5555

	.section .note.GNU-stack, "", @progbits
