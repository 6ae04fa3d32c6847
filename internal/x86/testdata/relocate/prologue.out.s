# index 0:0 1:1 4:4 8:8
# falls through
	push %rbp
	mov %rsp, %rbp
	sub $0x20, %rsp
