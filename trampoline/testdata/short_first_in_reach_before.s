# The padding begins 126 bytes before the entry: as far as a rel8 goes.
# entry: short
# return: return-a
	.include "function.inc"
begin g
	ret
end g
	.skip	5, 0xcc
begin h
	.skip	120, 0x90
	ret
end h
begin f
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	ret
end f
begin last
	lea	2(%rdi), %rax
	ret
end last
