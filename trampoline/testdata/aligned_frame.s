# Hand-written code aligns its frame and keeps the old stack pointer in it. It reads
# nothing through the copies that is a return address.
# entry: jump
# return: return-d
	.include "function.inc"
	.section .data.rel.ro, "aw"
	.balign	8
goal:	.quad	g
	.text
begin f
	mov	%rsp, %rax
	.cfi_def_cfa_register rax
	push	%rbx
	.cfi_offset rbx, -16
	lea	-64(%rsp), %rsp
	and	$-64, %rsp
	mov	%rax, 16(%rsp)
	.cfi_escape 0x0f,0x05,0x77,0x10,0x06,0x23,0x08
	mov	8(%rax), %rbx
	mov	16(%rsp), %rsi
	.cfi_def_cfa rsi, 8
	add	%rbx, %rdi
	mov	-8(%rsi), %rbx
	lea	(%rsi), %rsp
	.cfi_def_cfa rsp, 8
	xor	%esi, %esi
	xor	%eax, %eax
	jmp	*goal(%rip)
end f
	.p2align 4
neighbour
