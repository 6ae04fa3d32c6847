# A loop begins right behind the window: nothing of the patch is entered.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	mov	$0, %eax
1:	inc	%eax
	dec	%dil
	jnz	1b
	ret
end f
