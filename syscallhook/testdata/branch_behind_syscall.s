# Nobody enters what precedes it.
#= before 0x4-0xe
	fn f
	test %edi, %edi
	je 1f
	movq $32, (%rsp)
	.byte 0x0f, 0x05
1:	mov %edi, %eax
	ret
	end f
