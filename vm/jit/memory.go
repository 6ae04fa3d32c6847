package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// lddw loads a constant or an address.
func (c *compiler) lddw(i int, in vm.Instruction) {
	c.disturb(in.Dst)
	c.written(in.Dst)
	d := reg(in.Dst)
	switch in.Src {
	case 0:
		c.constant(d, in.Imm)
	case vm.PseudoFunc:
		c.emit(x86.Lea(x86.W64, d, x86.PtrLabel(c.callbacks[c.prog.FunctionOf(c.prog.Target(i))], 0)))
	case vm.PseudoMapFD:
		c.emit(x86.MovSymbol(d, c.symbol(TargetMap, int32(in.Imm)), 0))
	case vm.PseudoMapValue:
		c.valueAddress(d, int32(in.Imm), uint32(in.Imm>>32))
	default:
		c.unsupported(i, "unknown source of LDDW")
	}
}

// valueAddress loads the address of a map's value. That in an arena is its users', and
// the same everywhere.
func (c *compiler) valueAddress(d x86.Reg, index int32, off uint32) {
	if c.arena != nil && c.arena.Map == index {
		c.constant(d, int64(c.arena.Start+uint64(off)))
		return
	}
	c.emit(x86.MovSymbol(d, c.symbol(TargetMapValue, index), int64(off)))
}

// memory translates LDX, ST and STX.
func (c *compiler) memory(i int, in vm.Instruction) {
	w := x86.Width(in.OpCode.Bytes())
	switch {
	case c.inArena(i):
		c.arenaMemory(w, in)
	case in.OpCode.Class() == vm.LDX:
		c.load(w, in)
	case in.OpCode.Class() == vm.ST:
		c.emit(x86.Store(c.address(in.Dst, in.Off), immediate(in.Imm, w), w))
	case in.OpCode.Mode() == vm.ATOMIC:
		c.settleAll()
		c.atomic(w, in, x86.Ptr(reg(accessed(in)), int32(in.Off)))
	default:
		s := c.read(in.Src)
		c.emit(x86.Store(c.address(in.Dst, in.Off), s, w))
	}
}

func (c *compiler) load(w x86.Width, in vm.Instruction) {
	c.disturb(in.Dst)
	c.loadFrom(c.address(in.Src, in.Off), w, in)
	c.written(in.Dst)
}

func (c *compiler) loadFrom(m x86.Mem, w x86.Width, in vm.Instruction) {
	if in.OpCode.Mode() == vm.MEMSX {
		c.emit(x86.MovSX(x86.W64, reg(in.Dst), w, m))
	} else {
		c.emit(x86.Load(reg(in.Dst), m, w))
	}
}

// immediate cuts a stored constant down to the width of the store; that of a DW
// stays sign-extended.
func immediate(v int64, w x86.Width) x86.Imm {
	switch w {
	case x86.W8:
		return x86.Imm(int8(v))
	case x86.W16:
		return x86.Imm(int16(v))
	}
	return x86.Imm(v)
}
