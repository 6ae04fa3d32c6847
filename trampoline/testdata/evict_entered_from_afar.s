# Another function, far away, enters them in their middle.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	lea	0x1234(%rdi), %rax
2:	xor	$0x5678, %rax
stop
	.p2align 12
begin far
	jmp	2b
end far
