# entry: jump
# return: return-a
	.include "function.inc"
	.data
value:	.long	7
	.text
begin f
	mov	value(%rip), %eax
	add	%edi, %eax
	ret
end f
