# Each round passes the patch, as it passes a breakpoint of the kernel's.
# entry: jump
# return: return-c
# hits: 4
	.include "function.inc"
begin f
	and	$-2, %sil
	mov	%esi, %edx
	add	$0x40, %al
	jnc	f
	mov	%esi, %eax
	mov	%esi, %eax
	ret
end f
	.p2align 4
neighbour
