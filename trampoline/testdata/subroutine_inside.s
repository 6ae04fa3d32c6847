# Its own subroutine returns too: each ret would count.
# entry: jump
# return: refused: enters it at
	.include "function.inc"
begin f
	mov	(%rsp), %rdx
	mov	$0, %eax
	call	1f
	call	1f
	lea	(%rax,%rdi), %rax
	ret
1:	lea	1(%rax), %rax
	mov	%eax, %edx
	ret
end f
