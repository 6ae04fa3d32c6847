# One byte, and one of padding: together they hold the short jump.
# entry: short
# return: return-a
	.include "function.inc"
begin f
	ret
end f
	nop
begin g
	lea	2(%rdi), %rax
	ret
end g
	.skip	5, 0xcc
begin h
	lea	2(%rdi), %rax
	ret
end h
