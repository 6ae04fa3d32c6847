# index 0:0 2:2 4:8 6:10
# falls through
	test %edi, %edi
	{disp32} je window+7
	mov %esi, %eax
