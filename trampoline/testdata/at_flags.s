# Flags and the red zone are live at every one of these.
# entry: jump
# return: return-a
# at +0x5: jump
# at +0xe: jump
# at +0xd: jump
# at +0x13: jump
# at +0x14: jump
# at +0x19: jump
	.include "function.inc"
begin f
	mov	%rdi, -8(%rsp)
	mov	%rsi, -128(%rsp)
	nopl	(%rax)
	.byte	0x90
	add	-8(%rsp), %rsi
	cmc
	adc	-128(%rsp), %rsi
	setc	%al
	seto	%ah
	ret
end f
	.p2align 4
