package jit

import "github.com/bpftime-go/bpftime/vm"

// block is a run of instructions that is entered at its first and left at its
// last one.
type block struct {
	start, end int  // indexes of the first instruction and of the one after the last
	taken      int  // block that the last instruction jumps to, or none
	next       int  // block that follows it otherwise, or none
	depth      int  // loops around it
	isHead     bool // of a loop
	selected   int  // block whose work is done by a conditional move, or none
	rounds     int  // laid out, of a block that runs a known number of times
}

const none = -1

// blocksOf cuts a function into blocks, in the order of their instructions.
func blocksOf(p *vm.Program, fn vm.Function) []block {
	number := make([]int, fn.End-fn.Start+1) // of the block that begins there, counted from 1
	number[0] = 1
	for i := fn.Start; i < fn.End; i++ {
		in := p.Instructions()[i]
		if in.IsBranch() {
			number[p.Target(i)-fn.Start] = 1
		}
		if in.IsBranch() || in.IsExit() {
			number[i+1-fn.Start] = 1
		}
	}
	var blocks []block
	for i, begins := range number[:fn.End-fn.Start] {
		if begins != 0 {
			blocks = append(blocks, block{start: fn.Start + i})
			number[i] = len(blocks)
		}
	}
	for b := range blocks {
		blocks[b].end = fn.End
		if b+1 < len(blocks) {
			blocks[b].end = blocks[b+1].start
		}
		blocks[b].taken, blocks[b].next, blocks[b].selected = none, none, none
		last := p.Instructions()[blocks[b].end-1]
		if last.IsBranch() {
			blocks[b].taken = number[p.Target(blocks[b].end-1)-fn.Start] - 1
		}
		if !last.IsAlways() && !last.IsExit() && b+1 < len(blocks) {
			blocks[b].next = b + 1
		}
	}
	thread(p, blocks)
	return blocks
}

// maxThread bounds how many blocks in a row are passed over; they may go in a
// circle.
const maxThread = 8

// thread leads past blocks that are nothing but a jump.
func thread(p *vm.Program, blocks []block) {
	destination := func(b int) int {
		for n := 0; n < maxThread && b != none; n++ {
			if to := &blocks[b]; to.end-to.start == 1 && p.Instructions()[to.start].IsAlways() {
				b = to.taken
			}
		}
		return b
	}
	for b := range blocks {
		blocks[b].taken, blocks[b].next = destination(blocks[b].taken), destination(blocks[b].next)
	}
}
