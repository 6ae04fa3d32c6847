#include "textflag.h"
#include "go_asm.h"

// Why this is sound
//
// Stack. A program runs on the block of a *stack, whose state lies at the top:
//
//	block                                                     block + stackSize
//	| guard page | … frames of the program | return address of enter | state |
//
// The block is aligned to its size, so whoever is on it finds the state by
// masking rsp. enter and resume keep the goroutine's SP and BP in the state and
// leave the goroutine's stack as it is: nothing runs on it until it is switched
// back to. Nothing grows or moves it either, for that happens at safe points
// only, and there is none here: assembly is no async safe point (runtime,
// isAsyncSafePoint: "this is assembly code"), nor is a pc outside of Go's text
// ("not Go code").
//
// Signals. Go's handlers run on the M's signal stack (SA_ONSTACK), whatever rsp
// is, and take g from thread-local storage, not from R14, which is r8 of the
// program. SIGURG finds no safe point and returns; the request to preempt stays
// and is honoured in Go, after the program or in a helper. A profiling signal
// unwinds from a pc that is no Go function, or from one in here: the unwinder
// stops at both, for the assembler marks functions that write SP (SPWRITE). What
// it reads above rsp before it does is in the block, which is mapped.
//
// Registers. Assembly functions (ABI0) keep nothing but SP and BP; the wrapper
// that calls them sets R14 and X15 anew. Programs touch no vector register.
//
// Threads. While the program runs, the goroutine cannot change its thread. In a
// helper it can, which is as well: no register of the program is of a thread.

// func enter(s *state, ctx unsafe.Pointer)
TEXT ·enter(SB), NOSPLIT|NOFRAME, $0-16
	MOVQ s+0(FP), R11
	MOVQ SP, state_goSP(R11)
	MOVQ BP, state_goBP(R11)
	MOVQ (state_args+0)(R11), DI
	MOVQ (state_args+8)(R11), SI
	MOVQ (state_args+16)(R11), DX
	MOVQ (state_args+24)(R11), CX
	MOVQ (state_args+32)(R11), R8
	MOVQ state_entry(R11), R10
	XORL AX, AX // registers start as zero, as in the interpreter
	XORL BX, BX
	XORL R13, R13
	XORL R14, R14
	XORL R15, R15
	MOVQ R11, SP
	CALL R10

	// The program has returned, to here, whether enter or resume was the last
	// to start it. rsp is the state again.
	MOVQ SP, R11
	MOVQ AX, state_r0(R11)
	MOVQ $0, state_called(R11)
	MOVQ state_goBP(R11), BP
	MOVQ state_goSP(R11), SP
	RET

// helperExit is where thunks go: AX says which helper, R10 of which program, and
// the return address into the program is at rsp. It returns from enter or
// resume.
TEXT helperExit<>(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ SP, R11
	ANDQ $~(const_stackSize-1), R11
	ADDQ $const_stateOffset, R11
	MOVQ SP, state_sp(R11)
	MOVQ BX, (state_saved+0)(R11)
	MOVQ BP, (state_saved+8)(R11)
	MOVQ R12, (state_saved+16)(R11)
	MOVQ R13, (state_saved+24)(R11)
	MOVQ R14, (state_saved+32)(R11)
	MOVQ R15, (state_saved+40)(R11)
	MOVQ DI, (state_args+0)(R11)
	MOVQ SI, (state_args+8)(R11)
	MOVQ DX, (state_args+16)(R11)
	MOVQ CX, (state_args+24)(R11)
	MOVQ R8, (state_args+32)(R11)
	MOVL AX, state_helper(R11)
	MOVL R10, state_program(R11)
	MOVQ $1, state_called(R11)
	MOVQ state_goBP(R11), BP
	MOVQ state_goSP(R11), SP
	RET

// func resume(s *state)
TEXT ·resume(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ s+0(FP), R11
	MOVQ SP, state_goSP(R11) // the goroutine's stack may have moved
	MOVQ BP, state_goBP(R11)
	MOVQ (state_saved+0)(R11), BX
	MOVQ (state_saved+8)(R11), BP
	MOVQ (state_saved+16)(R11), R12
	MOVQ (state_saved+24)(R11), R13
	MOVQ (state_saved+32)(R11), R14
	MOVQ (state_saved+40)(R11), R15
	MOVQ state_r0(R11), AX
	MOVQ state_sp(R11), SP
	RET                      // into the program, behind its call of the thunk

// func helperExitAddr() uintptr
TEXT ·helperExitAddr(SB), NOSPLIT, $0-8
	LEAQ helperExit<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET
