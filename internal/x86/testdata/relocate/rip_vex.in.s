	vmovups data(%rip), %ymm0
