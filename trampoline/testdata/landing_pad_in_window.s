# An exception enters at the second instruction.
# entry: refused: a jump leads to +0x4
# return: refused: a jump leads to +0x4
	.include "function.inc"
begin f
	.cfi_personality 0x1b, handler
	.cfi_lsda 0x1b, lsda
	xor	%eax, %eax
	test	%edi, %edi
1:	mov	%eax, %eax
2:	call	handler
3:	ret
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
