# A cold part: it is entered by a jump, and returns for the function it belongs to.
# entry: jump
# return: refused: its frame is open
# exec: no
	.include "function.inc"
	.globl	f
	.type	f, @function
f:	.cfi_startproc
	.cfi_def_cfa_offset 16
	mov	$2, %eax
	pop	%rbx
	.cfi_def_cfa_offset 8
	ret
end f
