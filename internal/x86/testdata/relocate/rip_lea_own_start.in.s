	lea window(%rip), %rdi
