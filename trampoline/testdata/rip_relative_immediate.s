# Bytes of the instruction follow the field.
# entry: jump
# return: return-a
	.include "function.inc"
	.data
value:	.long	7
	.text
begin f
	cmpl	$7, value(%rip)
	sete	%al
	movzbl	%al, %eax
	ret
end f
