# index 0:0 10:10
# falls through
	vpaddd data(%rip){1to16}, %zmm1, %zmm17
