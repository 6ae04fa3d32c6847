/*
 * One function for each hazard of moving its first five bytes. victim_*
 * functions are called by main; v_* are their parts, moved too.
 */
	.text

	.macro victim name
	.p2align 4
	.globl \name
	.type \name, @function
\name:
	.endm

	.macro end name
	.size \name, . - \name
	.endm

/* The address it returns to: the caller's text, not the copy. */
victim v_return_address
	mov (%rsp), %rax
	ret
end v_return_address

victim victim_rip_load
	mov numbers(%rip), %rax
	add %rdi, %rax
	ret
end victim_rip_load

victim victim_rip_store
	movl $0x11223344, scratch(%rip)
	mov scratch(%rip), %eax
	add %rsi, %rax
	ret
end victim_rip_store

victim victim_rip_cmp_imm8
	cmpb $0x88, numbers(%rip)
	sete %al
	movzbl %al, %eax
	ret
end victim_rip_cmp_imm8

victim victim_rip_sse
	movups numbers(%rip), %xmm0
	movq %xmm0, %rax
	ret
end victim_rip_sse

victim victim_rip_lea_table
	lea numbers(%rip), %rax
	mov (%rax,%rdi,8), %rax
	ret
end victim_rip_lea_table

/* Only where the processor has it: see victims.c. */
victim v_rip_vex
	vmovdqu numbers(%rip), %ymm0
	vmovq %xmm0, %rax
	vzeroupper
	ret
end v_rip_vex

victim v_rip_vex_imm8
	vinserti128 $1, numbers+8(%rip), %ymm1, %ymm0
	vextracti128 $1, %ymm0, %xmm0
	vmovq %xmm0, %rax
	vzeroupper
	ret
end v_rip_vex_imm8

victim v_rip_evex
	vmovdqu64 numbers+8(%rip), %zmm0
	vmovq %xmm0, %rax
	vzeroupper
	ret
end v_rip_evex

/* Aborts at once, and its abort handler lies outside the window. */
victim v_xbegin
	xbegin 1f
	xabort $0x42
	ret
1:	ret
end v_xbegin

victim victim_endbr64
	endbr64
	lea 3(%rdi,%rsi), %rax
	ret
end victim_endbr64

/* Every condition, taken and not taken. */
	.irp cc, o,no,b,ae,e,ne,be,a,s,ns,p,np,l,ge,le,g
victim v_j\cc
	cmp %dil, %sil
	j\cc 1f
	mov $2, %al
	ret
1:	mov $1, %al
	ret
end v_j\cc
	.endr

/* The same with rel32: the flags are the caller's. */
	.irp cc, o,no,b,ae,e,ne,be,a,s,ns,p,np,l,ge,le,g
victim v_near_j\cc
	{disp32} j\cc 1f
	mov $2, %al
	ret
1:	mov $1, %al
	ret
end v_near_j\cc
	.endr

victim victim_near_conditions
	xor %edx, %edx
	shl $6, %edi
	shl $5, %esi
	.irp cc, o,no,b,ae,e,ne,be,a,s,ns,p,np,l,ge,le,g
	xor %eax, %eax
	cmp %dil, %sil
	call v_near_j\cc
	shl $2, %rdx
	or %rax, %rdx
	.endr
	mov %rdx, %rax
	ret
end victim_near_conditions

/* 16 answers of two bits. */
victim victim_conditions
	xor %edx, %edx
	xor %eax, %eax
	shl $6, %edi	/* large enough to overflow a byte */
	shl $5, %esi
	.irp cc, o,no,b,ae,e,ne,be,a,s,ns,p,np,l,ge,le,g
	call v_j\cc
	shl $2, %rdx
	or %rax, %rdx
	.endr
	mov %rdx, %rax
	ret
end victim_conditions

victim victim_loop
	mov %edi, %ecx
	nop
	loop 1f
	mov $1, %eax
	ret
1:	lea 2(%rcx), %rax
	ret
end victim_loop

victim victim_loope
	mov %edi, %ecx
	cmp %esi, %edi
	loope 1f
	mov $1, %eax
	ret
1:	lea 2(%rcx), %rax
	ret
end victim_loope

victim victim_loopne
	mov %edi, %ecx
	cmp %esi, %edi
	loopne 1f
	mov $1, %eax
	ret
1:	lea 2(%rcx), %rax
	ret
end victim_loopne

victim victim_jrcxz
	mov %edi, %ecx
	jrcxz 1f
	nop
	mov $1, %eax
	ret
1:	mov $2, %eax
	ret
end victim_jrcxz

victim v_jecxz
	jecxz 1f
	mov $1, %eax
	ret
1:	mov $2, %eax
	ret
end v_jecxz

/* Only the lower half counts: rcx is not zero. */
victim victim_jecxz
	mov %rdi, %rcx
	bts $32, %rcx
	jmp v_jecxz
end victim_jecxz

victim victim_inner_backward
1:	inc %esi
	dec %edi
	jg 1b
	mov %esi, %eax
	ret
end victim_inner_backward

victim victim_inner_forward
	jmp 1f
	ret
1:	lea (%rdi,%rsi), %rax
	ret
end victim_inner_forward

victim victim_jmp_near
	{disp32} jmp 1f
	.fill 200, 1, 0xcc
1:	lea (%rdi,%rsi,2), %rax
	ret
end victim_jmp_near

victim victim_jmp_bnd
	bnd jmp 1f
	ret
1:	lea (%rdi,%rsi,4), %rax
	ret
end victim_jmp_bnd

/* To what lies before the function. */
before:
	lea (%rsi,%rdi,4), %rax
	ret
victim v_jmp_short_backward
	jmp before
	ret
	ret
	ret
end v_jmp_short_backward

victim victim_jmp_short_backward
	call v_jmp_short_backward
	ret
end victim_jmp_short_backward

/* A switch: through a register, and past what CET tracks. */
victim v_jmp_notrack
	nop
	nop
	notrack jmp *%rax
end v_jmp_notrack

victim victim_jmp_notrack
	lea 1f(%rip), %rax
	jmp v_jmp_notrack
1:	lea 3(%rdi), %rax
	ret
end victim_jmp_notrack

victim v_inner_loop
1:	inc %eax
	loop 1b
	ret
end v_inner_loop

victim victim_inner_loop
	lea 1(%rdi), %rcx
	xor %eax, %eax
	jmp v_inner_loop
end victim_inner_loop

victim victim_call
	call v_return_address
	ret
end victim_call

victim victim_call_after_sub
	sub $8, %rsp
	call v_return_address
	add $8, %rsp
	ret
end victim_call_after_sub

victim victim_call_rip
	call *return_address(%rip)
	ret
end victim_call_rip

/* Finds out where it is, as position-independent code did. */
victim victim_call_next
	call 1f
1:	pop %rax
	ret
end victim_call_next

victim v_call_reg
	nop
	nop
	nop
	call *%rax
	ret
end v_call_reg

victim victim_call_reg
	lea v_return_address(%rip), %rax
	jmp v_call_reg
end victim_call_reg

victim v_call_r12
	nop
	call *(%r12)
	ret
end v_call_r12

victim victim_call_r12
	push %r12
	lea return_address(%rip), %r12
	call v_call_r12
	pop %r12
	ret
end victim_call_r12

victim v_call_rsp_disp8
	nop
	call *8(%rsp)
	ret
end v_call_rsp_disp8

victim victim_call_rsp_disp8
	lea v_return_address(%rip), %rax
	push %rax
	call v_call_rsp_disp8
	pop %rcx
	ret
end victim_call_rsp_disp8

victim v_call_rsp_grows
	nop
	call *0x78(%rsp)
	ret
end v_call_rsp_grows

victim victim_call_rsp_grows
	lea v_return_address(%rip), %rax
	push %rax
	sub $0x70, %rsp
	call v_call_rsp_grows
	add $0x78, %rsp
	ret
end victim_call_rsp_grows

victim v_call_rsp_index
	nop
	nop
	call *(%rsp,%rdx,8)
	ret
end v_call_rsp_index

victim victim_call_rsp_index
	lea v_return_address(%rip), %rax
	push %rax
	mov $1, %edx
	call v_call_rsp_index
	pop %rcx
	ret
end victim_call_rsp_index

/* Flags set before a moved call reach the callee. */
victim v_below
	setb %al
	movzbl %al, %eax
	ret
end v_below

victim victim_call_keeps_flags
	cmp %esi, %edi
	call v_below
	ret
end victim_call_keeps_flags

victim victim_recursive
	dec %edi
	js 1f
	call victim_recursive
	inc %rax
	ret
1:	mov %rsi, %rax
	ret
end victim_recursive

victim victim_tail_jump
	jmp v_return_address
end victim_tail_jump

victim victim_tail_jump_rip
	jmp *return_address(%rip)
end victim_tail_jump_rip

victim v_red_zone
	mov %rdi, -8(%rsp)
	mov -8(%rsp), %rax
	ret
end v_red_zone

victim victim_red_zone
	call v_red_zone
	ret
end victim_red_zone

	.data
	.balign 8
scratch:
	.quad 0
return_address:
	.quad v_return_address
numbers:
	.quad 0x1122334455667788, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31

	.section .note.GNU-stack,"",@progbits
