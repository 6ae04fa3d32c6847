# Another function ends in f's tail: its returns are not f's.
# entry: jump
# return: refused: enters it at
	.include "function.inc"
begin f
	mov	(%rsp), %rdx
	mov	$0, %eax
1:	lea	(%rax,%rdi), %rax
	mov	%rax, %rdx
	ret
end f
	.p2align 4
begin g
	mov	$1, %eax
	jmp	1b
end g
