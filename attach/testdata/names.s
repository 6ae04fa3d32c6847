# Functions as C++ and Rust name them: overloads, a Rust function in the old form
# with its hash, and two in the new one.

	.macro	function name
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	mov	$1, %eax
	ret
	.cfi_endproc
	.size	\name, . - \name
	.p2align 4
	.endm

	.text
	.p2align 4
function _ZN2ns1fEi
function _ZN2ns1fEPKc
function _ZN2ns1gEi
function _ZN5mylib4work17h0123456789abcdefE
function _RNvC5mylib4play
function _RNvMC5mylibNtB2_3Box4play
	.section .note.GNU-stack, "", @progbits
