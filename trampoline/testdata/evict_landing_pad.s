# An exception enters among them.
# entry: refused: no instructions within 127 bytes can make room
# return: refused: no instructions within 127 bytes can make room
	.include "packed.inc"
begin g
	.cfi_personality 0x1b, handler
	.cfi_lsda 0x1b, lsda
	lea	1(%rdi), %rax
	lea	2(%rdi), %rax
	lea	3(%rdi), %rax
	lea	4(%rdi), %rax
2:	call	handler
3:	lea	0x1234(%rsi), %rax
1:	add	$0x10000, %rax
	ret
end g
handler:
	ret
	.section .gcc_except_table, "a"
lsda:	.byte	0xff, 0xff, 0x01
	.uleb128 5f-4f
4:	.uleb128 2b-g
	.uleb128 3b-2b
	.uleb128 1b-g
	.uleb128 0
5:
