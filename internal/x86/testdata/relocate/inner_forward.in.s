	je 1f
	inc %eax
1:	inc %ecx
