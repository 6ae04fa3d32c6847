# Without a procedure linkage table (-fno-plt).
# entry: jump
# return: refused: it leaves by a jump to vfork, which looks at its return address
# exec: no
	.include "function.inc"
begin f
	mov	$1, %edi
	jmp	*vfork@GOTPCREL(%rip)
end f
	.p2align 4
neighbour
