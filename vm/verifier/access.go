package verifier

import (
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// checker follows pointers to the frame, to the context and to map values
// through registers, as far as the distance from their beginning is constant,
// and looks at every access through one of them. It forgets a register when two
// ways to an instruction disagree about it, and everything that is in memory.
// What is nowhere followed to is unreachable.
type checker struct {
	prog   *vm.Program
	opts   Options
	states []*state // before each instruction; nil: not reached
	todo   []int
}

type base uint8

const (
	unknown base = iota
	frame
	context
	mapValue
	function
	folded // what bpf_map_lookup_percpu_elem returned
)

const lookupPerCPU = 195

// pointer is what a register is known to point to.
type pointer struct {
	base base
	mapp int32 // index, of a mapValue
	off  int64
}

type state [16]pointer

func (c *checker) run() error {
	entry := state{vm.R10: {base: frame}}
	main := entry
	main[vm.R1] = pointer{base: context}
	c.reach(0, &main)
	for len(c.todo) > 0 {
		i := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		if err := c.step(i, &entry); err != nil {
			return err
		}
	}
	for i, s := range c.states {
		if s == nil {
			return c.refuse(i, "unreachable instruction")
		}
	}
	return nil
}

// reach adds a way to an instruction.
func (c *checker) reach(i int, s *state) {
	old := c.states[i]
	if old == nil {
		c.states[i] = new(*s)
		c.todo = append(c.todo, i)
		return
	}
	changed := false
	for r := range old {
		if both := old[r].join(s[r]); both != old[r] {
			old[r] = both
			changed = true
		}
	}
	if changed {
		c.todo = append(c.todo, i)
	}
}

// anyFunction is where a pointer points that is one of several functions.
const anyFunction = -far

// join is what is known when a register may be either.
func (p pointer) join(q pointer) pointer {
	switch {
	case p == q:
		return p
	case p.base == function && q.base == function:
		return pointer{base: function, off: anyFunction}
	}
	return pointer{}
}

// step follows one instruction; vm.Validate has seen that there is a next one.
func (c *checker) step(i int, entry *state) error {
	in, s := c.prog.Instructions()[i], *c.states[i]
	if in.IsExit() {
		return nil
	}
	if target := c.prog.Target(i); target >= 0 && in.IsBranch() {
		c.reach(target, &s)
	} else if target >= 0 {
		c.reach(target, entry)
	}
	if in.IsAlways() {
		return nil
	}
	if err := c.effect(i, in, &s); err != nil {
		return err
	}
	c.reach(i+1, &s)
	return nil
}

// effect checks what the instruction accesses and changes the registers.
func (c *checker) effect(i int, in vm.Instruction, s *state) error {
	size := int64(in.OpCode.Bytes())
	switch in.OpCode.Class() {
	case vm.LDX:
		err := c.access(i, s[in.Src], int64(in.Off), size, false)
		s[in.Dst] = pointer{}
		return err
	case vm.ST:
		return c.access(i, s[in.Dst], int64(in.Off), size, true)
	case vm.STX:
		return c.store(i, in, s)
	case vm.LD:
		s[in.Dst] = pointer{}
		switch in.Src {
		case vm.PseudoMapValue:
			return c.mapValue(i, in, s)
		case vm.PseudoFunc:
			s[in.Dst] = pointer{base: function, off: int64(c.prog.Target(i))}
		}
	case vm.ALU, vm.ALU64:
		s[in.Dst] = arithmetic(in, s[in.Dst], s[in.Src])
	case vm.JMP:
		if in.OpCode.Op() == vm.CALL {
			if err := c.callbacks(i, in, s); err != nil {
				return err
			}
			clear(s[vm.R0 : vm.R5+1])
			if in.IsHelperCall() && in.Imm == lookupPerCPU {
				s[vm.R0] = pointer{base: folded}
			}
		}
	}
	return nil
}

// callbacks checks the functions that a helper is given: it calls them, whatever they are.
func (c *checker) callbacks(i int, in vm.Instruction, s *state) error {
	if !in.IsHelperCall() {
		return nil
	}
	proto, _ := helper.ByID(int32(in.Imm))
	for k, arg := range proto.Args {
		p := s[int(vm.R1)+k]
		if arg.Kind() == helper.PtrToFunc && (p.base != function || !c.isFunction(p.off)) {
			return c.refuse(i, "r%d is not the address of a function", k+1)
		}
	}
	return nil
}

func (c *checker) isFunction(at int64) bool {
	if at == anyFunction {
		return true
	}
	return at >= 0 && at < int64(c.prog.Len()) && c.prog.Functions()[c.prog.FunctionOf(int(at))].Start == int(at)
}

// store is STX: a plain store or an atomic operation, one of which is a load.
func (c *checker) store(i int, in vm.Instruction, s *state) error {
	size := int64(in.OpCode.Bytes())
	if in.OpCode.Mode() == vm.ATOMIC && in.Imm == vm.LOAD_ACQ {
		err := c.access(i, s[in.Src], int64(in.Off), size, false)
		s[in.Dst] = pointer{}
		return err
	}
	err := c.access(i, s[in.Dst], int64(in.Off), size, true)
	if in.OpCode.Mode() == vm.ATOMIC && in.Imm&vm.FETCH != 0 {
		s[in.Src], s[vm.R0] = pointer{}, pointer{}
	}
	return err
}

// mapValue checks an LDDW of the address of a map's value: only an array of one
// entry has one that is known (array_map_direct_value_addr).
func (c *checker) mapValue(i int, in vm.Instruction, s *state) error {
	index, off := int32(in.Imm), in.Imm>>32
	m := c.opts.Maps[index]
	switch {
	case m.Type != typeArray || m.MaxEntries != 1:
		return c.refuse(i, "map %d is no array of one entry, whose value has an address", index)
	case uint64(uint32(off)) >= uint64(m.ValueSize):
		return c.refuse(i, "byte %d of the value of map %d, which has %d", uint32(off), index, m.ValueSize)
	}
	s[in.Dst] = pointer{base: mapValue, mapp: index, off: int64(uint32(off))}
	return nil
}

// arithmetic is what becomes of a pointer.
func arithmetic(in vm.Instruction, dst, src pointer) pointer {
	switch in.OpCode {
	case vm.ALU64 | vm.MOV | vm.X:
		if in.Off == 0 {
			return src
		}
	case vm.ALU64 | vm.ADD | vm.K:
		return dst.plus(in.Imm)
	case vm.ALU64 | vm.SUB | vm.K:
		return dst.plus(-in.Imm)
	}
	return pointer{}
}

// far is where a pointer is no longer followed: sums do not overflow.
const far = 1 << 30

func (p pointer) plus(n int64) pointer {
	if p.base == unknown || p.off+n > far || p.off+n < -far {
		return pointer{}
	}
	p.off += n
	return p
}

// access checks a load or store of size bytes.
func (c *checker) access(i int, p pointer, off, size int64, write bool) error {
	from := p.off + off
	to := from + size
	switch p.base {
	case frame:
		if from < -vm.FrameSize || to > 0 {
			return c.refuse(i, "%d bytes at r10%+d are outside of the stack of %d bytes", size, from, vm.FrameSize)
		}
	case context:
		if write && !c.opts.WriteContext {
			return c.refuse(i, "writes to the context")
		}
		if from < 0 || to > int64(c.opts.Context) {
			return c.refuse(i, "%d bytes at byte %d of the context, which has %d", size, from, c.opts.Context)
		}
		if from < int64(c.opts.HiddenContext) {
			return c.refuse(i, "%d bytes at byte %d of the context, whose first %d no program may read", size, from, c.opts.HiddenContext)
		}
	case folded:
		if write {
			return c.refuse(i, "writes to what bpf_map_lookup_percpu_elem returned, which is a sum: a program writes its own value only, which bpf_map_lookup_elem returns")
		}
	case mapValue:
		m := c.opts.Maps[p.mapp]
		if from < 0 || to > int64(m.ValueSize) {
			return c.refuse(i, "%d bytes at byte %d of the value of map %d, which has %d", size, from, p.mapp, m.ValueSize)
		}
		if write && m.Flags&readOnlyProg != 0 {
			return c.refuse(i, "writes to map %d, which is read only", p.mapp)
		}
	}
	return nil
}
