# index 0:0 4:4 5:5
# falls through
	endbr64
	push %rbp
