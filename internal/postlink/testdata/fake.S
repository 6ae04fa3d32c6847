# The parts of an agent that postlink looks at: tables of pointers in sections of
# Go and in others, and a .init_array that ends with Go's start.

	.macro table name
	.globl	\name
	.hidden	\name
	.balign	8
\name:	.quad	target, target + 1
	.endm

	.section .data.rel.ro, "aw", @progbits
	table	in_data_rel_ro
	.section .go.module, "aw", @progbits
	table	in_go_module
	.section .noptrdata, "aw", @progbits
	table	in_noptrdata
	.data
	table	in_data
	.section .kept, "aw", @progbits
	table	in_kept

	.section .init_array, "aw", @init_array
	.quad	constructor
	.quad	_rt0

	.text
	.type	_rt0, @function
_rt0:	.byte	0xe9			# jmp go_runtime, with a rel32
	.long	go_runtime - . - 4

	.section .note.GNU-stack, "", @progbits
