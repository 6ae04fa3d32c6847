# Three bytes, and the room behind it is too small: the padding of another function
# will do.
# entry: short
# return: return-a
	.include "function.inc"
begin f
	xor	%eax, %eax
	ret
end f
begin g
	lea	2(%rdi), %rax
	ret
end g
	.skip	5, 0xcc
begin h
	lea	2(%rdi), %rax
	ret
end h
