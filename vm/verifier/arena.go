package verifier

import (
	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// An arena is memory that programs share with their users, at addresses of the users'
// (address space 1). A program casts one to address space 0 before it follows it, may do
// anything to it then, and accesses through what comes out are kept inside by whoever
// runs it: they need no proof, but it has to be known which they are. So each is one for
// certain, by what the checker knows, or certainly none, by what the writer does not
// exclude; else the program is refused.

const (
	pageSize = 4096
	maxArena = 1 << 31 // bytes, half of what the low half of an address can tell apart
)

// findArena finds the arena of a program: the map of that type which it names.
func (c *checker) findArena() error {
	for i, in := range c.prog.Instructions() {
		index := int32(in.Imm)
		if !in.IsMapRef() || c.maps[index].Type != typeArena || c.arena != nil && c.arena.Map == index {
			continue
		}
		m := c.maps[index]
		size := uint64(m.MaxEntries) * pageSize
		switch {
		case c.arena != nil:
			return c.refuse(i, "%s is its second arena, after %s; a program has one", c.name(index), c.name(c.arena.Map))
		case size == 0 || size > maxArena:
			return c.refuse(i, "%s has %d bytes; an arena has at most %d", c.name(index), size, uint64(maxArena))
		}
		c.arena = &proof.Arena{Map: index, Start: m.Start, Size: size, Accesses: make([]bool, c.prog.Len())}
	}
	for i, in := range c.prog.Instructions() {
		if in.IsCast() && c.arena == nil {
			return c.refuse(i, "a cast of addresses in a program that does not refer to its arena; asm volatile(\"\" :: \"r\"(&arena)) does")
		}
	}
	return nil
}

// constant is the origin of what an LDDW loads.
func (w *writer) constant(in vm.Instruction) origin {
	if in.Src == vm.PseudoMapValue && w.arena != nil && w.arena.Map == int32(in.Imm) {
		return ofArena
	}
	return 0
}

// inArena: what the register addresses is in the arena.
func (w *writer) inArena(i int, base vm.Register) bool { return w.states[i].regs[base].base == arena }

// mixed: it may be an address of the arena, or else of anything.
func (w *writer) mixed(i int, r vm.Register) bool {
	p := w.states[i].regs[r]
	return w.before[i][r]&ofArena != 0 && (p.base == unknown || p.base == number || p.base == null)
}

// checkArena finds the accesses to the arena.
func (w *writer) checkArena() error {
	for i, in := range w.prog.Instructions() {
		if in.IsHelperCall() {
			if err := w.checkGiven(i, int32(in.Imm)); err != nil {
				return err
			}
		}
		base, ok := addressed(in)
		switch {
		case !ok:
		case w.inArena(i, base):
			w.arena.Accesses[i] = true
		case w.mixed(i, base):
			return w.refuse(i, "r%d may be an address in the arena that was not cast for the program (addr_space_cast), or not on every way to here", base)
		}
	}
	return nil
}

// checkGiven: helpers access memory by themselves.
func (w *writer) checkGiven(i int, id int32) error {
	proto, _ := helper.ByID(id)
	for k, arg := range proto.Args {
		r := vm.R1 + vm.Register(k)
		if isMemory(arg) && (w.inArena(i, r) || w.mixed(i, r)) {
			return w.refuse(i, "%s cannot be given memory of the arena, in r%d: copy it", helper.Describe(id), r)
		}
	}
	return nil
}

func isMemory(arg helper.Arg) bool {
	switch arg.Kind() {
	case helper.Anything, helper.ConstMapPtr, helper.ConstSize, helper.ConstSizeOrZero, helper.ConstAllocSizeOrZero, helper.PtrToFunc:
		return false
	}
	return true
}

// addressed is the register that an instruction accesses memory by.
func addressed(in vm.Instruction) (vm.Register, bool) {
	switch in.OpCode.Class() {
	case vm.LDX:
		return in.Src, true
	case vm.STX:
		if in.OpCode.Mode() == vm.ATOMIC && in.Imm == vm.LOAD_ACQ {
			return in.Src, true
		}
		return in.Dst, true
	case vm.ST:
		return in.Dst, true
	}
	return 0, false
}
