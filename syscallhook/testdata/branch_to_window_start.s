# exit_group, for ever: the jump leads to the first byte of the window.
#= before 0x5-0xb
	fn f
	mov $60, %edx
1:	xor %edi, %edi
	mov %edx, %eax
	syscall
	jmp 1b
	end f
