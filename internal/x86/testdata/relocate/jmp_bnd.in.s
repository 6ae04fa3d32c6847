	bnd jmp window+0x12345
