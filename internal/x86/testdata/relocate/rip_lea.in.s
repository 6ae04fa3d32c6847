	lea data(%rip), %rdi
