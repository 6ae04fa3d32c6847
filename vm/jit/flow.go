package jit

import (
	"math/bits"

	"github.com/bpftime-go/bpftime/vm"
)

// flow is what there is to know about a function before it is translated: its
// blocks, the ways between them, and which registers are needed where.
//
// Protocol. flowOf makes it in passes, each of which may change the blocks that
// the ones before it made:
//
//	cut      blocks and the ways between them
//	thread   lead past blocks that only jump
//	live     what is needed after each instruction
//	select   take in what a conditional move can do      (select.go)
//	before   which blocks lead to a block
//	loops    count the loops around blocks               (layout.go)
//	unroll   lay out several rounds for one test         (unroll.go)
//
// Then order says in which order to translate the blocks.
type flow struct {
	insns  []vm.Instruction
	fn     vm.Function
	target func(i int) int // of the branch at index i

	blocks []block
	before [][]int       // blocks that lead to a block
	after  []registerSet // live after an instruction; by index - fn.Start
}

// block is a run of instructions that is entered at its first and left at its
// last one.
type block struct {
	start, end int  // indexes of the first instruction and of the one after the last
	taken      int  // block that the last instruction jumps to, or none
	next       int  // block to go on with otherwise, or none
	selected   int  // block whose work is done by a conditional move, or none
	depth      int  // loops around it
	isHead     bool // of a loop
	rounds     int  // laid out one behind the other
}

const none = -1

func flowOf(p *vm.Program, fn vm.Function) *flow {
	f := &flow{insns: p.Instructions(), fn: fn, target: p.Target}
	f.cut()
	f.thread()
	f.live()
	f.findSelections()
	f.findPredecessors()
	f.findLoops()
	f.unroll()
	return f
}

// cut makes the blocks, in the order of their instructions.
func (f *flow) cut() {
	first := f.firsts()
	number := make([]int, len(first)) // of the block that begins there
	for i := f.fn.Start; i < f.fn.End; i++ {
		if first[i-f.fn.Start] {
			number[i-f.fn.Start] = len(f.blocks)
			f.blocks = append(f.blocks, block{start: i, taken: none, next: none, selected: none, rounds: 1})
		}
	}
	for n := range f.blocks {
		b := &f.blocks[n]
		b.end = f.fn.End
		if n+1 < len(f.blocks) {
			b.end = f.blocks[n+1].start
		}
		last := f.insns[b.end-1]
		if last.IsBranch() {
			b.taken = number[f.target(b.end-1)-f.fn.Start]
		}
		if !last.IsAlways() && !last.IsExit() && n+1 < len(f.blocks) {
			b.next = n + 1
		}
	}
}

// firsts marks the first instructions of blocks.
func (f *flow) firsts() []bool {
	first := make([]bool, f.fn.End-f.fn.Start)
	first[0] = true
	for i := f.fn.Start; i < f.fn.End; i++ {
		in := f.insns[i]
		if in.IsBranch() {
			first[f.target(i)-f.fn.Start] = true
		}
		if (in.IsBranch() || in.IsExit()) && i+1 < f.fn.End {
			first[i+1-f.fn.Start] = true
		}
	}
	return first
}

// maxThread bounds how many blocks in a row are passed; they may be a circle.
const maxThread = 8

// thread leads past blocks that are nothing but a jump.
func (f *flow) thread() {
	destination := func(b int) int {
		for n := 0; n < maxThread && b != none && f.isJump(f.blocks[b]); n++ {
			b = f.blocks[b].taken
		}
		return b
	}
	for n := range f.blocks {
		b := &f.blocks[n]
		b.taken, b.next = destination(b.taken), destination(b.next)
	}
}

func (f *flow) isJump(b block) bool {
	return b.end-b.start == 1 && f.insns[b.start].IsAlways()
}

// live finds out which registers are needed after each instruction. It follows
// the instructions, whatever is between their blocks later.
func (f *flow) live() {
	f.after = make([]registerSet, f.fn.End-f.fn.Start)
	for range maxPasses {
		if !f.flowBack() {
			return
		}
	}
	for i := range f.after {
		f.after[i] = allRegisters
	}
}

// maxPasses bounds the work of live for flow that no compiler makes.
const maxPasses = 20

// flowBack follows the flow once from the function's end to its start, and
// reports whether that changed anything.
func (f *flow) flowBack() (changed bool) {
	before := func(i int) registerSet {
		reads, writes := effect(f.insns[i])
		return f.after[i-f.fn.Start]&^writes | reads
	}
	for i := f.fn.End - 1; i >= f.fn.Start; i-- {
		in, live := f.insns[i], registerSet(0)
		if !in.IsAlways() && !in.IsExit() && i+1 < f.fn.End {
			live = before(i + 1)
		}
		if in.IsBranch() {
			live |= before(f.target(i))
		}
		if live != f.after[i-f.fn.Start] {
			f.after[i-f.fn.Start], changed = live, true
		}
	}
	return changed
}

// liveAfter is what is needed after the instruction at index i.
func (f *flow) liveAfter(i int) registerSet { return f.after[i-f.fn.Start] }

// successors are the blocks that a block may go on with, or none.
func (b *block) successors() [2]int { return [2]int{b.taken, b.next} }

// findPredecessors lists, for each block, the reachable ones that lead to it.
func (f *flow) findPredecessors() {
	f.before = make([][]int, len(f.blocks))
	reached := make([]bool, len(f.blocks))
	for todo := []int{0}; len(todo) > 0; {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if reached[b] {
			continue
		}
		reached[b] = true
		for _, s := range f.blocks[b].successors() {
			if s != none {
				f.before[s] = append(f.before[s], b)
				todo = append(todo, s)
			}
		}
	}
}

// registerSet is a set of BPF registers, one bit each.
type registerSet uint16

const (
	allRegisters  = registerSet(1<<vm.NumRegisters - 1)
	callArguments = registerSet(0b111110) // r1 to r5
	callClobbers  = registerSet(0b111111) // r0 to r5
)

func setOf(r vm.Register) registerSet { return 1 << r }

func (s registerSet) has(r vm.Register) bool { return s&setOf(r) != 0 }

// each calls f for every register of the set.
func (s registerSet) each(f func(vm.Register)) {
	for ; s != 0; s &= s - 1 {
		f(vm.Register(bits.TrailingZeros16(uint16(s))))
	}
}
