package verifier

import (
	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
)

// checker follows pointers to the frame, to the context, to maps and their values
// through registers and words of the frame, and looks at every access through one of
// them, and at what helpers are given. It forgets a register when two ways to an
// instruction disagree about it, and what is in other memory. What is nowhere followed
// to is unreachable.
type checker struct {
	prog   *vm.Program
	opts   Options
	maps   []*Map    // those of opts, then the inner ones of maps of maps
	sets   [][]int32 // indexes of maps; the first ones have one each
	states []*state  // before each instruction; nil: not reached
	args   map[int][5]pointer
	todo   []int
	arena  *proof.Arena // nil: the program has none
}

func newChecker(p *vm.Program, opts Options) *checker {
	c := &checker{prog: p, opts: opts, states: make([]*state, p.Len()), args: map[int][5]pointer{}}
	for i := range opts.Maps {
		c.maps = append(c.maps, &opts.Maps[i])
	}
	for i := range opts.Maps {
		if inner := opts.Maps[i].Inner; inner != nil {
			c.maps = append(c.maps, inner)
		}
	}
	for i := range c.maps {
		c.sets = append(c.sets, []int32{int32(i)})
	}
	return c
}

func (c *checker) run() error {
	main := entered()
	main.regs[vm.R1] = pointer{base: context}
	c.reach(0, &main)
	if err := c.drain(); err != nil {
		return err
	}
	// Functions that are called in a way that is not followed.
	for _, f := range c.prog.Functions() {
		if !f.Referenced || c.states[f.Start] != nil {
			continue
		}
		c.enter(f.Start, [5]pointer{})
		if err := c.drain(); err != nil {
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

func (c *checker) drain() error {
	for len(c.todo) > 0 {
		i := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		if err := c.step(i); err != nil {
			return err
		}
	}
	return nil
}

// step follows one instruction; vm.Validate has seen that there is a next one.
func (c *checker) step(i int) error {
	in, s := c.prog.Instructions()[i], *c.states[i]
	if in.IsExit() {
		return nil
	}
	if in.IsBranch() {
		c.reach(c.prog.Target(i), &s)
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

// effect checks what the instruction accesses and changes what is known.
func (c *checker) effect(i int, in vm.Instruction, s *state) error {
	size := int64(in.OpCode.Bytes())
	switch in.OpCode.Class() {
	case vm.LDX:
		p := s.regs[in.Src]
		s.regs[in.Dst] = s.read(p, int64(in.Off), size)
		return c.access(i, p, int64(in.Off), size, reads)
	case vm.ST:
		p := s.regs[in.Dst]
		s.written(p, int64(in.Off), size, constant(in.Imm))
		return c.access(i, p, int64(in.Off), size, writes)
	case vm.STX:
		return c.store(i, in, s)
	case vm.LD:
		return c.load64(i, in, s)
	case vm.ALU, vm.ALU64:
		s.regs[in.Dst] = arithmetic(in, s.regs[in.Dst], s.regs[in.Src])
	case vm.JMP:
		if in.OpCode.Op() == vm.CALL {
			return c.call(i, in, s)
		}
	}
	return nil
}

// store is STX: a plain store or an atomic operation, one of which is a load.
func (c *checker) store(i int, in vm.Instruction, s *state) error {
	size, off := int64(in.OpCode.Bytes()), int64(in.Off)
	p, value := s.regs[in.Dst], s.regs[in.Src]
	switch {
	case in.OpCode.Mode() == vm.MEM:
		s.written(p, off, size, value)
		return c.access(i, p, off, size, writes)
	case in.Imm == vm.LOAD_ACQ:
		p = value
		s.regs[in.Dst] = loaded(p)
		return c.access(i, p, off, size, reads)
	case in.Imm == vm.STORE_REL:
		s.written(p, off, size, pointer{})
		return c.access(i, p, off, size, writes)
	}
	s.written(p, off, size, pointer{})
	if in.Imm&vm.FETCH != 0 {
		s.fetched(in, loaded(p))
	}
	return c.access(i, p, off, size, reads|writes)
}

// load64 is an LDDW.
func (c *checker) load64(i int, in vm.Instruction, s *state) (err error) {
	s.regs[in.Dst] = pointer{}
	switch in.Src {
	case 0:
		s.regs[in.Dst] = constant(in.Imm)
	case vm.PseudoMapFD:
		s.regs[in.Dst] = pointer{base: mapAddress, maps: int32(in.Imm)}
	case vm.PseudoMapValue:
		s.regs[in.Dst], err = c.addressOfValue(i, in)
	case vm.PseudoFunc:
		s.regs[in.Dst] = pointer{base: function, off: int64(c.prog.Target(i))}
	}
	return err
}

// addressOfValue checks an LDDW of the address of a map's value: only an array of one
// entry has one that is known (array_map_direct_value_addr).
func (c *checker) addressOfValue(i int, in vm.Instruction) (pointer, error) {
	index, off := int32(in.Imm), int64(uint32(in.Imm>>32))
	switch m := c.maps[index]; {
	case m.Type == typeArena && uint64(off) < c.arena.Size:
		return pointer{base: number}, nil // as users see it
	case m.Type == typeArena:
		return pointer{}, c.refuse(i, "byte %d of %s, which has %d", off, c.name(index), c.arena.Size)
	case m.Type != typeArray || m.MaxEntries != 1:
		return pointer{}, c.refuse(i, "%s is no array of one entry, whose value has an address", c.name(index))
	case off >= int64(m.ValueSize):
		return pointer{}, c.refuse(i, "byte %d of the value of %s, which has %d", off, c.name(index), m.ValueSize)
	}
	return pointer{base: mapValue, maps: index, off: off}, nil
}

// how memory is accessed.
type access uint8

const (
	reads access = 1 << iota
	writes
)

// access checks a load or store of size bytes.
func (c *checker) access(i int, p pointer, off, size int64, how access) error {
	from := p.off + off
	to := from + size
	switch p.base {
	case frame:
		if !p.vague && (from < -vm.FrameSize || to > 0) {
			return c.refuse(i, "%d bytes at r10%+d are outside of the stack of %d bytes", size, from, vm.FrameSize)
		}
	case context:
		if how&writes != 0 && !c.opts.WriteContext {
			return c.refuse(i, "writes to the context")
		}
		if from < 0 || to > int64(c.opts.Context) {
			return c.refuse(i, "%d bytes at byte %d of the context, which has %d", size, from, c.opts.Context)
		}
		if from < int64(c.opts.HiddenContext) {
			return c.refuse(i, "%d bytes at byte %d of the context, whose first %d no program may read", size, from, c.opts.HiddenContext)
		}
	case folded:
		if how&writes != 0 {
			return c.refuse(i, "writes to what bpf_map_lookup_percpu_elem returned, which is a sum: a program writes its own value only, which bpf_map_lookup_elem returns")
		}
	case mapValue:
		if err := c.permitted(i, p, how); err != nil || p.vague || len(c.sets[p.maps]) > 1 {
			return err
		}
		index := c.sets[p.maps][0]
		if m := c.maps[index]; from < 0 || to > int64(m.ValueSize) {
			return c.refuse(i, "%d bytes at byte %d of the value of %s, which has %d", size, from, c.name(index), m.ValueSize)
		}
	}
	return nil
}

// permitted compares an access to a value with the flags of its map.
func (c *checker) permitted(i int, p pointer, how access) error {
	for _, index := range c.sets[p.maps] {
		switch flags := c.maps[index].Flags; {
		case how&writes != 0 && flags&readOnlyProg != 0:
			return c.refuse(i, "writes to %s, which programs may only read", c.name(index))
		case how&reads != 0 && flags&writeOnlyProg != 0:
			return c.refuse(i, "reads %s, which programs may only write", c.name(index))
		}
	}
	return nil
}
