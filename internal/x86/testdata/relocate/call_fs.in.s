	call *%fs:0x10(%rsp)
