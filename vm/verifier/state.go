package verifier

import (
	"slices"

	"github.com/bpftime-go/bpftime/vm"
)

// state is what is known before an instruction. Nobody changes the list of slots.
type state struct {
	regs  [16]pointer
	slots []slot // of the function's own frame
}

// slot is a word of the frame that holds something known.
type slot struct {
	at int64 // from r10
	pointer
}

// reach adds a way to an instruction.
func (c *checker) reach(i int, s *state) {
	old := c.states[i]
	if old == nil {
		c.states[i] = new(*s)
		c.todo = append(c.todo, i)
		return
	}
	both := state{slots: c.joinSlots(old.slots, s.slots)}
	for r := range both.regs {
		both.regs[r] = c.join(old.regs[r], s.regs[r])
	}
	if both.regs != old.regs || !slices.Equal(both.slots, old.slots) {
		*old = both
		c.todo = append(c.todo, i)
	}
}

// enter adds a call to the ways to a function. It begins with a frame of its own, and
// knows of an argument what all callers agree on: which call comes with which map may
// depend on another argument.
func (c *checker) enter(i int, args [5]pointer) {
	callee := entered()
	for k, arg := range args {
		if arg.base == frame { // not the callee's own
			arg = pointer{base: memory, vague: true}
		}
		if seen, called := c.args[i]; called {
			arg = c.agreed(seen[k], arg)
		}
		args[k], callee.regs[int(vm.R1)+k] = arg, arg
	}
	c.args[i] = args
	c.reach(i, &callee)
}

// entered is what a function knows that was given nothing: what is in a register that
// nothing was put into is no pointer.
func entered() (s state) {
	for r := range s.regs {
		s.regs[r] = pointer{base: number}
	}
	s.regs[vm.R10] = pointer{base: frame}
	return s
}

func (c *checker) agreed(p, q pointer) pointer {
	both := c.join(p, q)
	if p == q || p.ofMap() && p.base == q.base && p.maps == q.maps || both.base == arena || both.base == number {
		return both
	}
	return pointer{}
}

// joinSlots keeps what both know.
func (c *checker) joinSlots(a, b []slot) (out []slot) {
	if slices.Equal(a, b) {
		return a
	}
	for _, s := range a {
		if p := find(b, s.at); p != (pointer{}) {
			if s.pointer = c.join(s.pointer, p); s.pointer != (pointer{}) {
				out = append(out, s)
			}
		}
	}
	return out
}

func find(slots []slot, at int64) pointer {
	for _, s := range slots {
		if s.at == at {
			return s.pointer
		}
	}
	return pointer{}
}

// forget drops what is known of the words with bytes in [from, to) of the frame.
func (s *state) forget(from, to int64) {
	if slices.ContainsFunc(s.slots, func(o slot) bool { return o.at < to && o.at+8 > from }) {
		s.slots = slices.DeleteFunc(slices.Clone(s.slots), func(o slot) bool { return o.at < to && o.at+8 > from })
	}
}

// written is a store of size bytes through p, of a register when value is not unknown.
func (s *state) written(p pointer, off, size int64, value pointer) {
	at := p.off + off
	switch {
	case mayBeFrame(p) && (p.base != frame || p.vague):
		s.slots = nil // it may be the frame's
	case p.base == frame:
		s.forget(at, at+size)
		if size == 8 && at%8 == 0 && value != (pointer{}) {
			s.slots = append(slices.Clip(s.slots), slot{at, value})
		}
	}
}

// read is what a load of size bytes through p finds.
func (s *state) read(p pointer, off, size int64) pointer {
	switch {
	case size != 8:
		return pointer{base: number}
	case p.base != frame || p.vague:
		return loaded(p)
	}
	return find(s.slots, p.off+off)
}

// loaded is what is found where nothing is known: in a frame there may be pointers to it.
func loaded(p pointer) pointer {
	if mayBeFrame(p) {
		return pointer{}
	}
	return pointer{base: number}
}

// fetched is where an atomic operation puts what was there.
func (s *state) fetched(in vm.Instruction, value pointer) {
	if in.Imm == vm.CMPXCHG {
		s.regs[vm.R0] = value
		return
	}
	s.regs[in.Src] = value
}
