	vpaddd data(%rip){1to16}, %zmm1, %zmm17
