# The same bytes where nothing leads: they may be code.
# entry: refused: a jump leads to +0x1
# return: refused: a jump leads to +0x1
	.include "function.inc"
begin f
	add	$1, %rdi
	mov	%rdi, %rax
	ret
end f
	.p2align 12
begin far
	mov	$1, %eax
	ret
	.byte	0x48, 0xb8, 0xe9
	.long	f + 1 - (. + 4)
	.byte	0, 0, 0
	ret
end far
