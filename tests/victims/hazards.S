// Functions that are hard to patch, each named by its hazard. hazards.c calls them and checks what they return.

// A function with unwind data, as compilers emit it for every function; bare is one without.
	.macro	function name
	bare	\name
	.cfi_startproc
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.macro	bare name
	.globl	\name
	.type	\name, @function
\name:
	.endm

	.data
	.balign	8
three:	.long	3
	.globl	indirect
indirect: .quad	target

	.text
	.balign	16

// Ordinary beginnings.

function endbr
	endbr64
	lea	1(%rdi), %rax
	ret
end endbr

	.balign	16
function nop_first
	nopl	0(%rax,%rax,1)
	lea	1(%rdi), %rax
	ret
end nop_first

	.balign	16
function red_zone
	mov	%rdi, -8(%rsp)
	movq	$1, -128(%rsp)
	mov	-8(%rsp), %rax
	add	-128(%rsp), %rax
	ret
end red_zone

	.balign	16
bare unsized // neither .size nor unwind data: nothing says where it ends
	lea	1(%rdi), %rax
	nop
	ret

	.balign	16
bare no_unwind_data
	lea	1(%rdi), %rax
	nop
	ret
	.size	no_unwind_data, . - no_unwind_data

	.balign	16
function by_string
	mov	%rdi, %rax
	rep lodsb (%rsi), %al // rcx is what the caller left: the driver sets it to 0
	add	$1, %rax
	ret
end by_string

// Operands that depend on where the instruction lies.

	.balign	16
function rip_load
	mov	three(%rip), %eax
	lea	-2(%rax,%rdi), %rax
	ret
end rip_load

	.balign	16
function rip_lea
	lea	three(%rip), %rax
	mov	(%rax), %eax
	lea	-2(%rax,%rdi), %rax
	ret
end rip_lea

	.balign	16
function rip_immediate // the displacement is followed by an immediate
	cmpl	$3, three(%rip)
	setne	%al
	movzbl	%al, %eax
	lea	1(%rax,%rdi), %rax
	ret
end rip_immediate

	.balign	16
function rip_jump
	jmp	*indirect(%rip)
end rip_jump

	.balign	16
function rip_call
	call	*indirect(%rip)
	ret
end rip_call

// Control flow in the first bytes.

	.balign	16
function call_first
	call	target
	ret
end call_first

	.balign	16
function get_pc // call to the next instruction: the address it pushes is data
	call	1f
	.cfi_adjust_cfa_offset 8
1:	pop	%rax
	.cfi_adjust_cfa_offset -8
	lea	get_pc+5(%rip), %rdx
	sub	%rdx, %rax // 0, if the address was the original one
	lea	1(%rax,%rdi), %rax
	ret
end get_pc

	.balign	16
function jump_first
	jmp	target
end jump_first

	.balign	16
function jump_short
	jmp	1f
	.byte	0x0f, 0x0b, 0xe8, 0x48, 0x00 // not code
1:	lea	1(%rdi), %rax
	ret
end jump_short

	.balign	16
function condition_first
	test	%edi, %edi
	js	1f
	lea	1(%rdi), %rax
	ret
1:	mov	$-1, %rax
	ret
end condition_first

	.balign	16
function jrcxz_first
	jrcxz	1f
	mov	$-1, %rax
	ret
1:	lea	1(%rdi), %rax
	ret
end jrcxz_first

	.balign	16
function branch_into // a loop whose head lies in the first five bytes
	xor	%eax, %eax
1:	inc	%eax
	dec	%edi
	jns	1b
	ret
end branch_into

	.balign	16
function loop_to_entry // every round passes the entry; rax comes in as 0
	inc	%rax
	dec	%edi
	jns	loop_to_entry
	ret
end loop_to_entry

	.balign	16
function entered_behind // another function jumps to its fourth byte
	xor	%eax, %eax
	nop
1:	lea	1(%rax,%rdi), %rax
	ret
end entered_behind

	.balign	16
function enters_behind
	mov	$1, %eax
	jmp	1b
end enters_behind

	.balign	16
function inner_symbol
	mov	%rdi, %rax
inner:	add	$1, %rax // inner is a symbol of its own, and it is called
	ret
end inner_symbol
	.globl	inner
	.type	inner, @function

// Too short.

	.balign	16
function only_ret
	ret
end only_ret

	.balign	16
function only_ret_packed
	ret
end only_ret_packed
function two_bytes // xchg %edi,%eax is one byte
	xchg	%edi, %eax
	ret
end two_bytes
function three_bytes
	mov	%edi, %eax
	ret
end three_bytes
function four_bytes
	mov	%rdi, %rax
	ret
end four_bytes
function after_short
	lea	1(%rdi), %rax
	ret
end after_short

// Returns and the stack.

	.balign	16
function tail_call
	lea	0(%rdi), %rdi
	jmp	target
end tail_call

	.balign	16
function tail_with_stack // passes its caller's stack argument on
	lea	0(%rdi), %rdi
	jmp	takes_stack
end tail_with_stack

	.balign	16
function takes_stack
	mov	8(%rsp), %rax
	add	%rdi, %rax
	ret
end takes_stack

	.balign	16
function callee_pops
	mov	8(%rsp), %rax
	add	%rdi, %rax
	ret	$8
end callee_pops

	.balign	16
function reads_return
	mov	(%rsp), %rax
	nop
	ret
end reads_return

	.balign	16
function two_returns
	test	$1, %dil
	jne	1f
	lea	1(%rdi), %rax
	ret
1:	lea	1(%rdi), %rax
	repz ret
end two_returns

	.balign	16
function pushes
	push	%rbx
	.cfi_adjust_cfa_offset 8
	push	%r12
	.cfi_adjust_cfa_offset 8
	push	%r13
	.cfi_adjust_cfa_offset 8
	lea	1(%rdi), %rax
	pop	%r13
	.cfi_adjust_cfa_offset -8
	pop	%r12
	.cfi_adjust_cfa_offset -8
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	ret
end pushes

	.balign	16
function realigns // finds its stack arguments again after aligning the stack
	lea	8(%rsp), %r10
	.cfi_def_cfa 10, 0
	and	$-64, %rsp
	push	-8(%r10)
	push	%rbp
	.cfi_escape 0x10, 6, 2, 0x76, 0 // rbp is saved where rbp points
	mov	%rsp, %rbp
	push	%r10
	.cfi_escape 0x0f, 3, 0x76, 0x78, 6 // the CFA is saved at rbp-8
	mov	(%r10), %rax
	add	%rdi, %rax
	pop	%r10
	.cfi_def_cfa 10, 0
	pop	%rbp
	lea	-8(%r10), %rsp
	.cfi_def_cfa 7, 8
	ret
end realigns

	.balign	16
function target
	lea	1(%rdi), %rax
	ret
end target

// At the end of a page, and across it: the first of two functions ends with the page, the second begins three bytes
// before the next end.

	.balign	4096
	.skip	4096 - 10, 0xcc
function page_end
	lea	1(%rdi), %rax
	nopl	(%rax)
	nop
	nop
	ret
end page_end
	.skip	4096 - 3, 0xcc
function page_across
	mov	%rdi, %rax
	add	$1, %rax
	ret
end page_across

// The registers that a caller and a callee may agree on, beyond the convention: all.

	.bss
	.balign	64
	.globl	seen
seen:	.skip	16*8 + 16*32

	.text
	.balign	16
	.macro	store_registers
	mov	%rax, seen+0(%rip)
	mov	%rbx, seen+8(%rip)
	mov	%rcx, seen+16(%rip)
	mov	%rdx, seen+24(%rip)
	mov	%rsi, seen+32(%rip)
	mov	%rdi, seen+40(%rip)
	mov	%rbp, seen+48(%rip)
	mov	%r8, seen+64(%rip)
	mov	%r9, seen+72(%rip)
	mov	%r10, seen+80(%rip)
	mov	%r11, seen+88(%rip)
	mov	%r12, seen+96(%rip)
	mov	%r13, seen+104(%rip)
	mov	%r14, seen+112(%rip)
	mov	%r15, seen+120(%rip)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movups	%xmm\n, seen+128+16*\n(%rip)
	.endr
	.endm

	.macro	load_registers salt
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	mov	$0x1111*(\n+1)+\salt, %eax
	movd	%eax, %xmm\n
	pshufd	$0, %xmm\n, %xmm\n
	.endr
	mov	$0x101+\salt, %eax
	mov	$0x102+\salt, %ebx
	mov	$0x103+\salt, %ecx
	mov	$0x104+\salt, %edx
	mov	$0x105+\salt, %esi
	mov	$0x106+\salt, %edi
	mov	$0x107+\salt, %ebp
	mov	$0x109+\salt, %r8d
	mov	$0x10a+\salt, %r9d
	mov	$0x10b+\salt, %r10d
	mov	$0x10c+\salt, %r11d
	mov	$0x10d+\salt, %r12d
	mov	$0x10e+\salt, %r13d
	mov	$0x10f+\salt, %r14d
	mov	$0x110+\salt, %r15d
	.endm

	.macro	save_callee_saved
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$8, %rsp
	.endm

	.macro	restore_callee_saved
	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	.endm

function sees_registers
	nopl	0(%rax,%rax,1)
	store_registers
	ret
end sees_registers

	.balign	16
function sets_registers
	nopl	0(%rax,%rax,1)
	load_registers 0x20000
	ret
end sets_registers

	.balign	16
	.globl	pass_registers
pass_registers:
	save_callee_saved
	load_registers 0
	call	sees_registers
	restore_callee_saved
	ret

	.balign	16
	.globl	return_registers
return_registers:
	save_callee_saved
	call	sets_registers
	store_registers
	restore_callee_saved
	ret

// Called by the driver with what the C convention does not say.

	.balign	16
	.globl	call_with_stack // long call_with_stack(long x, long word, void *function): word is at 8(%rsp)
call_with_stack:
	push	%rbp
	mov	%rsp, %rbp
	sub	$8, %rsp
	push	%rsi
	call	*%rdx
	mov	%rbp, %rsp
	pop	%rbp
	ret

	.balign	16
	.globl	call_popping // the callee pops the word; returns -1 when the stack pointer is not what it was
call_popping:
	push	%rbx
	mov	%rsp, %rbx
	sub	$8, %rsp
	push	%rsi
	call	*%rdx
	add	$8, %rsp
	cmp	%rsp, %rbx
	je	1f
	mov	$-1, %rax
1:	mov	%rbx, %rsp
	pop	%rbx
	ret

	.balign	16
	.globl	call_zeroed // rax and rcx are 0 at the entry
call_zeroed:
	sub	$8, %rsp
	mov	%rsi, %rdx
	xor	%eax, %eax
	xor	%ecx, %ecx
	lea	three(%rip), %rsi
	call	*%rdx
	add	$8, %rsp
	ret

	.balign	16
	.globl	call_returning // 1 when the function returned its own return address
call_returning:
	sub	$8, %rsp
	call	*%rdi
1:	lea	1b(%rip), %rdx
	cmp	%rdx, %rax
	sete	%al
	movzbl	%al, %eax
	add	$8, %rsp
	ret

	.section .note.GNU-stack,"",@progbits
