# Who asks for a symbol is seen from the return address.
# entry: jump
# return: refused: it leaves by a jump to dlsym, which looks at its return address
# exec: no
	.include "function.inc"
begin f
	mov	$-1, %rdi
	jmp	dlsym@plt
end f
	.p2align 4
neighbour
