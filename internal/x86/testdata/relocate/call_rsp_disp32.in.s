	call *0x1000(%rsp)
