	pfadd data(%rip), %mm0
