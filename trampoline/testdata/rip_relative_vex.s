# entry: jump
# return: return-a
	.include "function.inc"
	.section .rodata
	.balign	16
value:	.long	1, 2, 3, 4
	.text
begin f
	vmovdqa	value(%rip), %xmm3
	ret
end f
