# entry: jump
# return: return-a
# exec: no
	.include "function.inc"
begin f
	push	%rax
	.cfi_adjust_cfa_offset 8
	call	g
end f
	.p2align 4
begin g
	ud2
end g
