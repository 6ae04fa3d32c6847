# A call among them comes back into the jumps.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
start
	mov	%rdi, %rsi
	call	h
	mov	$0x5678, %eax
stop
begin h
	ret
end h
