	call 1f
1:	pop %rax
