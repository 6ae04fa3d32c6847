# The function behind f enters it at its second instruction (libc's mempcpy and
# memcpy), by a branch of two bytes.
# entry: short
# return: return-a
	.include "function.inc"
begin f
	mov	%rdi, %rax
1:	add	$1, %rax
	ret
end f
	.p2align 4
begin g
	lea	(%rdi,%rsi), %rax
	jmp	1b
end g
