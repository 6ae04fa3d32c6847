package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// Loads is a helper that only follows pointers: its result is what it finds at the
// last place.
//
//	r0 = the context; for each of At: r0 = *(u64 *)(r0 + it)
type Loads struct {
	At []int32

	// Upper says that a result whose upper half is 0 is none: then the helper is
	// called after all.
	Upper bool
}

// Array is a map whose values lie in a row; a key is an index of 32 bits. Data is where
// they begin, from what a reference to the map loads.
type Array struct {
	Entries, Stride uint32
	Data            int32
}

// lookupElem is bpf_map_lookup_elem(map, key).
const lookupElem = 1

// helperCall calls a helper, or does what it would do.
func (c *compiler) helperCall(i int, id int32) {
	if c.opts.Inline != nil && c.takesContext(id) {
		if l := c.opts.Inline(id); l != nil {
			c.inlineLoads(id, *l)
			return
		}
	}
	if a, ok := c.arrayAt(i); ok && id == lookupElem {
		c.inlineLookup(a)
		return
	}
	c.callHelper(id)
}

func (c *compiler) inlineLoads(id int32, l Loads) {
	from := x86.Reg(contextReg)
	if c.packed {
		c.giveContext(x86.RAX)
		from = x86.RAX
	}
	for _, at := range l.At {
		c.emit(x86.Load(x86.RAX, x86.Ptr(from, at), x86.W64))
		from = x86.RAX
	}
	if !l.Upper {
		return
	}
	known := c.asm.NewLabel()
	c.emit(x86.Mov(x86.W64, scratch1, x86.RAX), x86.Shr(x86.W64, scratch1, x86.Imm(32)), x86.Jcc(x86.E, c.later(func() {
		c.callHelper(id)
		c.emit(x86.Jmp(known))
	})))
	c.asm.Bind(known)
}

// inlineLookup: r1 is the map, r2 points to the index.
func (c *compiler) inlineLookup(a Array) {
	index, beyond := scratch1, c.asm.NewLabel()
	c.emit(
		x86.Load(index, x86.Ptr(x86.RSI, 0), x86.W32),
		x86.Xor(x86.W32, x86.RAX, x86.RAX),
		x86.Cmp(x86.W32, index, x86.Imm(int32(a.Entries))), x86.Jcc(x86.AE, beyond))
	scale := uint8(1)
	switch a.Stride {
	case 1, 2, 4, 8:
		scale = uint8(a.Stride)
	default:
		c.emit(x86.IMul3(x86.W64, index, index, x86.Imm(int32(a.Stride))))
	}
	c.emit(x86.Lea(x86.W64, x86.RAX, x86.PtrIndex(x86.RDI, index, scale, a.Data)))
	c.asm.Bind(beyond)
}

// arrayAt is the map that r1 is for the call at index i, if it is an array: what a
// reference in the same block put there.
func (c *compiler) arrayAt(i int) (Array, bool) {
	if c.opts.Array == nil {
		return Array{}, false
	}
	held := vm.R1
	for i--; i >= c.at.start; i-- {
		in := c.flow.insns[i]
		_, writes := effect(in)
		switch {
		case !writes.has(held):
		case in.OpCode == vm.LDDW && in.Src == vm.PseudoMapFD:
			return c.opts.Array(int32(in.Imm))
		case in.OpCode == vm.ALU64|vm.MOV|vm.X && in.Off == 0:
			held = in.Src
		default:
			return Array{}, false
		}
	}
	return Array{}, false
}
