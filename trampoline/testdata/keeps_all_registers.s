# A function that changes rax only: a caller compiled with -fipa-ra counts on the
# rest, at its return as well.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	record
	mov	$0x1234, %eax
	ret
end f
