# index 0:0 2:2 3:3 5:12
# falls through
1:	add %ecx, %eax
	nop
	loop 2f
	jmp 3f
2:	{disp32} jmp 1b
3:
