package jit

import "github.com/bpftime-go/bpftime/vm"

// A block that goes back to itself costs a jump and a test for every round.
// Where the number of rounds is known, several are laid out one behind the
// other with one test, as clang does for native code:
//
//	r2 = 0; again: …; r2 += 1; if r2 != 1024 goto again
const (
	maxRounds   = 8  // for one test
	maxUnrolled = 48 // instructions in them
)

// counter is the register that decides how often a block runs.
type counter struct {
	r           vm.Register
	step, until int64
}

// unroll sets how many rounds of each block are laid out.
func (f *flow) unroll() {
	for n := range f.blocks {
		k, ok := f.counterOf(n)
		if !ok || k.step == 0 {
			continue
		}
		start, ok := f.constantBefore(n, k.r)
		if total := k.until - start; ok && total%k.step == 0 {
			b := &f.blocks[n]
			b.rounds = roundsOf(total/k.step, int64(b.end-b.start))
		}
	}
}

// roundsOf is the largest number of rounds that divides all of them.
func roundsOf(total, size int64) int {
	for n := int64(maxRounds); n > 1; n-- {
		if total > 0 && total%n == 0 && n*size <= maxUnrolled {
			return int(n)
		}
	}
	return 1
}

// counterOf looks for the counter of a block that runs until a register that it
// adds a constant to, once, has a certain value.
func (f *flow) counterOf(n int) (k counter, ok bool) {
	b := f.blocks[n]
	insns := f.insns[b.start:b.end]
	switch last := insns[len(insns)-1]; {
	case b.selected != none:
		return k, false
	case last.OpCode == vm.JMP|vm.JNE && b.taken == n && b.next != n,
		last.OpCode == vm.JMP|vm.JEQ && b.next == n && b.taken != n:
		k = counter{r: last.Dst, until: last.Imm}
	default:
		return k, false
	}
	steps := 0
	for _, in := range insns {
		if _, writes := effect(in); !writes.has(k.r) {
			continue
		}
		steps++
		switch in.OpCode {
		case vm.ALU64 | vm.ADD:
			k.step = in.Imm
		case vm.ALU64 | vm.SUB:
			k.step = -in.Imm
		default:
			return k, false
		}
	}
	return k, steps == 1
}

// constantBefore is the value that a register has when the block is entered from
// the only other block that leads to it.
func (f *flow) constantBefore(n int, r vm.Register) (v int64, ok bool) {
	outside := none
	for _, b := range f.before[n] {
		if b == n {
			continue
		}
		if outside != none {
			return 0, false
		}
		outside = b
	}
	if n == 0 || outside == none || f.blocks[outside].selected != none {
		return 0, false
	}
	for i := f.blocks[outside].end - 1; i >= f.blocks[outside].start; i-- {
		in := f.insns[i]
		if _, writes := effect(in); writes.has(r) {
			return in.Imm, in.OpCode == vm.ALU64|vm.MOV || in.OpCode == vm.ALU|vm.MOV && in.Imm >= 0
		}
	}
	return 0, false
}
