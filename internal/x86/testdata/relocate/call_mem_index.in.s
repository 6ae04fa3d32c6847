	call *0x10(%r13,%rax,8)
