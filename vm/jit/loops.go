package jit

import "github.com/bpftime-go/bpftime/vm"

// A block that jumps to itself costs a taken jump for every round. Where the
// number of rounds is known, several are laid out one behind the other with one
// test, as clang does for native code:
//
//	r2 = 0; again: …; r2 += 1; if r2 != 1024 goto again
const (
	maxRounds  = 8  // laid out for one test
	maxUnroled = 48 // instructions in them
)

// counter is the register that decides how often a block runs.
type counter struct {
	r     vm.Register
	step  int64
	until int64
}

// unroll sets how many rounds of each block are laid out.
func (c *compiler) unroll(blocks []block) {
	before := predecessors(blocks)
	for b := range blocks {
		blocks[b].rounds = 1
		k, ok := c.counterOf(blocks, b)
		if !ok {
			continue
		}
		start, ok := c.constantBefore(blocks, b, before[b], k.r)
		if !ok || k.step == 0 || (k.until-start)%k.step != 0 {
			continue
		}
		blocks[b].rounds = roundsOf((k.until-start)/k.step, blocks[b].end-blocks[b].start)
	}
}

// roundsOf is the largest number of rounds that divides all of them.
func roundsOf(total int64, size int) int {
	for n := maxRounds; n > 1; n-- {
		if total > 0 && total%int64(n) == 0 && n*size <= maxUnroled {
			return n
		}
	}
	return 1
}

// counterOf looks for the counter of a block that runs until a register that it
// adds a constant to, once, has a certain value.
func (c *compiler) counterOf(blocks []block, b int) (k counter, ok bool) {
	insns := c.prog.Instructions()[blocks[b].start:blocks[b].end]
	last := insns[len(insns)-1]
	switch {
	case last.OpCode == vm.JMP|vm.JNE && blocks[b].taken == b:
	case last.OpCode == vm.JMP|vm.JEQ && blocks[b].next == b && blocks[b].taken != b:
	default:
		return k, false
	}
	k = counter{r: last.Dst, until: last.Imm}
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
func (c *compiler) constantBefore(blocks []block, b int, before []int, r vm.Register) (v int64, ok bool) {
	outside := none
	for _, p := range before {
		if p != b && outside != none && p != outside {
			return 0, false
		}
		if p != b {
			outside = p
		}
	}
	if outside == none || b == 0 {
		return 0, false
	}
	insns := c.prog.Instructions()
	for i := blocks[outside].end - 1; i >= blocks[outside].start; i-- {
		if _, writes := effect(insns[i]); writes.has(r) {
			return insns[i].Imm, insns[i].OpCode == vm.ALU64|vm.MOV || insns[i].OpCode == vm.ALU|vm.MOV && insns[i].Imm >= 0
		}
	}
	return 0, false
}
