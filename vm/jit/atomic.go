package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// atomic translates the operations on memory shared by threads, at m (RFC 9669,
// section 5.3). The old value goes to src, or to r0 by cmpxchg, zero-extended.
func (c *compiler) atomic(w x86.Width, in vm.Instruction, m x86.Mem) {
	s := reg(in.Src)
	switch in.Imm {
	case vm.AtomicADD:
		c.emit(x86.Lock(x86.Add(w, m, s)))
	case vm.AtomicOR:
		c.emit(x86.Lock(x86.Or(w, m, s)))
	case vm.AtomicAND:
		c.emit(x86.Lock(x86.And(w, m, s)))
	case vm.AtomicXOR:
		c.emit(x86.Lock(x86.Xor(w, m, s)))
	case vm.AtomicADD | vm.FETCH:
		c.emit(x86.Lock(x86.Xadd(w, m, s)))
	case vm.AtomicOR | vm.FETCH:
		c.fetch(x86.Or, w, m, s)
	case vm.AtomicAND | vm.FETCH:
		c.fetch(x86.And, w, m, s)
	case vm.AtomicXOR | vm.FETCH:
		c.fetch(x86.Xor, w, m, s)
	case vm.XCHG:
		c.emit(x86.Xchg(w, m, s))
	case vm.CMPXCHG:
		c.cmpxchg(w, m, s)
	case vm.LOAD_ACQ: // every load of x86 acquires
		c.emit(x86.Load(reg(in.Dst), m, w))
	case vm.STORE_REL: // and every store releases
		c.emit(x86.Store(m, s, w))
	}
}

// cmpxchg compares with rax, which is r0. x86 leaves the high half of rax alone
// when a 32-bit compare succeeds; BPF clears it.
func (c *compiler) cmpxchg(w x86.Width, m x86.Mem, s x86.Reg) {
	c.emit(x86.Lock(x86.Cmpxchg(w, m, s)))
	if w == x86.W32 {
		c.emit(x86.Mov(x86.W32, x86.RAX, x86.RAX))
	}
}

// fetch is a loop around cmpxchg, for x86 has no and, or, xor that return the
// old value. The loop needs rax, so r0 waits in a scratch register, also as
// base or operand.
func (c *compiler) fetch(op func(x86.Width, x86.Operand, x86.Operand) x86.Instr, w x86.Width, m x86.Mem, src x86.Reg) {
	inScratch := func(r x86.Reg) x86.Reg {
		if r == x86.RAX {
			return scratch2
		}
		return r
	}
	m.Base = inScratch(m.Base)
	again := c.asm.NewLabel()
	c.emit(x86.Mov(x86.W64, scratch2, x86.RAX), x86.Load(x86.RAX, m, w))
	c.asm.Bind(again)
	c.emit(
		x86.Mov(w, scratch1, x86.RAX),
		op(w, scratch1, inScratch(src)),
		x86.Lock(x86.Cmpxchg(w, m, scratch1)), // rax: the old value, also on failure
		x86.Jcc(x86.NE, again))
	if src != x86.RAX {
		c.emit(x86.Mov(w, src, x86.RAX), x86.Mov(x86.W64, x86.RAX, scratch2))
	}
}
