# An exception enters behind the window.
# entry: jump
# return: return-a
	.include "function.inc"
begin f
	.cfi_personality 0x1b, handler
	.cfi_lsda 0x1b, lsda
	mov	$1, %eax
2:	call	handler
3:	ret
1:	mov	%eax, %eax
	ret
end f
	.p2align 4
handler:
	ret
	.section .gcc_except_table, "a"
lsda:	.byte	0xff, 0xff, 0x01
	.uleb128 5f-4f
4:	.uleb128 2b-f
	.uleb128 3b-2b
	.uleb128 1b-f
	.uleb128 0
5:
