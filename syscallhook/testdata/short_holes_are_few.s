# The first takes the padding.
#= short 0x4-0x6 hole 0xd-0x12
#= trap: behind it: a jump may lead to +0x8; before it: a jump may lead to +0x4; and no padding is within reach of a short jump
	fn f
	test %edi, %edi
	je 1f
1:	syscall
2:	syscall
3:	jb 2b
	jg 3b
	ret
	end f
	.fill 5, 1, 0xcc
