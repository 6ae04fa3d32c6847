	mov data(%rip), %rax
