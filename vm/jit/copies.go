package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// Copies. Memory that may lie anywhere is copied byte by byte in BPF, where
// accesses are aligned. x86 need not:
//
//	r2 = *(u8 *)(r1 + 0); *(u8 *)(r10 - 4) = r2          mov (%rdi),%r11d
//	… and for 1, 2 and 3                                 mov %r11d,-4(%rbp)
//
// A copy waits for those that continue it, until code of any other kind is
// emitted. So nothing comes between the copies, but each reads its source before
// those ahead of it have written: their places must be known to be apart, by the
// same registers, or because one is on the function's own stack.

// copies is a run that waits: n bytes, none if n is 0.
type copies struct {
	from, to x86.Mem
	n        int32
}

const maxCopied = 8 // bytes at once

// copyMemory translates a load and a store of what it loaded, which nothing else
// needs.
func (c *compiler) copyMemory(i int, insns []vm.Instruction) int {
	if len(insns) < 2 {
		return 0
	}
	load, store := insns[0], insns[1]
	size := load.OpCode.Size()
	if load.OpCode != vm.LDX|vm.MEM|size || store.OpCode != vm.STX|vm.MEM|size || store.Src != load.Dst ||
		store.Dst == load.Dst || c.flow.liveAfter(i+1).has(load.Dst) {
		return 0
	}
	c.live = c.flow.liveAfter(i + 1)
	c.address(load.Src, load.Off) // what it settles, the store's address may need
	next := copies{to: c.address(store.Dst, store.Off), n: int32(size.Bytes())}
	next.from = c.address(load.Src, load.Off)
	toStack := next.to.Base == x86.RBP && c.frame.stack.elsewhere(i, load.Src)
	fromStack := next.from.Base == x86.RBP && c.frame.stack.elsewhere(i, store.Dst)
	if c.waiting.continuedBy(next) && (toStack || fromStack || c.waiting.apart(next)) {
		c.waiting.n += next.n
		return 2
	}
	c.flushCopies()
	c.waiting = next
	return 2
}

// continuedBy reports whether next copies what lies behind.
func (r copies) continuedBy(next copies) bool {
	behind := func(a, b x86.Mem) bool {
		a.Disp += r.n
		return a == b
	}
	return r.n != 0 && r.n+next.n <= maxCopied && behind(r.from, next.from) && behind(r.to, next.to)
}

// apart reports that the run with next at its end reads nothing that it has
// written: it may write what it has read.
func (r copies) apart(next copies) bool {
	distance := int64(r.to.Disp) - int64(r.from.Disp)
	from, to := r.from, r.to
	from.Disp, to.Disp = 0, 0
	return from == to && (distance <= 0 || distance >= int64(r.n+next.n))
}

// flushCopies emits the copies that wait.
func (c *compiler) flushCopies() {
	run := c.waiting
	c.waiting = copies{}
	for w := x86.W64; run.n != 0; w /= 2 {
		if run.n >= int32(w) {
			c.emit(x86.Load(scratch1, run.from, w), x86.Store(run.to, scratch1, w))
			run.from.Disp += int32(w)
			run.to.Disp += int32(w)
			run.n -= int32(w)
		}
	}
}
