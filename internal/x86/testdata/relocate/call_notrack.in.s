	notrack call *0x10(%rsp)
