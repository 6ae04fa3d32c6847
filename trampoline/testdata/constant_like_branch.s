# A constant in a far function looks like a jump into the window. It is none: control
# reaches the instruction that has it inside.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	add	$1, %rdi
	mov	%rdi, %rax
	ret
end f
	.p2align 12
begin far
	.byte	0x48, 0xb8, 0xe9	# movabs $..., %rax
	.long	f + 4 - (. + 4)
	.byte	0, 0, 0
	ret
end far
