package verifier

import (
	"slices"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// origin is what a value may have been computed from.
type origin uint8

const (
	ofContext origin = 1 << iota
	ofFrame          // a pointer to the stack of some function
	ofArena          // a pointer to the arena, cast or not, or what lies there
)

// helperOverrideReturn writes to the context by itself.
const helperOverrideReturn = 58

// writer asks whether a program may write to its context, so that a probe that only
// looks need not put everything back. It errs on the side of yes.
//
// Registers are followed from instruction to instruction, and two ways to one are
// joined. Memory is not: whatever is ever stored counts as there all the time, by
// words of the stack where the checker knows the distance from r10, else as anywhere
// on a stack, or elsewhere. So an instruction is looked at again for each bit that
// comes in anew, and all of them for each bit that comes into memory.
//
// The same for pointers into an arena: see arena.go.
type writer struct {
	*checker
	before []origins // each instruction
	todo   []int
	again  bool // something was stored that was not there when loads were looked at

	words     map[int64]origin // of any stack, by the distance from r10 / 8
	frame     origin           // somewhere on a stack
	elsewhere origin
	callback  origin // what helpers may hand to functions that they call
	result    origin // of functions

	found bool
}

type origins [vm.NumRegisters]origin

// follow asks for everything where there is an arena, else until something is found.
func (c *checker) follow() *writer {
	w := &writer{checker: c, before: make([]origins, c.prog.Len()), words: map[int64]origin{}}
	w.before[0] = origins{vm.R1: ofContext, vm.R10: ofFrame}
	for w.again = true; w.again && !w.isDone(); {
		w.again = false
		for i := range w.before {
			w.todo = append(w.todo, i)
		}
		for len(w.todo) > 0 && !w.isDone() {
			i := w.todo[len(w.todo)-1]
			w.todo = w.todo[:len(w.todo)-1]
			w.step(i)
		}
	}
	return w
}

func (w *writer) isDone() bool { return w.found && w.arena == nil }

// join adds what a way to an instruction brings.
func (w *writer) join(i int, s *origins) {
	old := w.before[i]
	for r := range s {
		w.before[i][r] |= s[r]
	}
	if w.before[i] != old {
		w.todo = append(w.todo, i)
	}
}

// keep adds bits to what is known of a place in memory.
func (w *writer) keep(to *origin, bits origin) {
	if *to|bits != *to {
		*to |= bits
		w.again = true
	}
}

func (w *writer) step(i int) {
	in, s := w.prog.Instructions()[i], w.before[i]
	target := w.prog.Target(i)
	switch {
	case in.IsExit():
		w.keep(&w.result, s[vm.R0])
		return
	case target >= 0 && in.IsBranch():
		w.join(target, &s)
	case target >= 0:
		w.enter(target, in, &s)
	}
	if in.IsAlways() {
		return
	}
	w.effect(i, in, &s)
	w.join(i+1, &s)
}

// enter is a call of a function, or a reference to one that a helper will call.
func (w *writer) enter(target int, in vm.Instruction, s *origins) {
	callee := origins{vm.R10: ofFrame}
	for r := vm.R1; r <= vm.R5; r++ {
		callee[r] = w.callback
		if in.IsLocalCall() {
			callee[r] = s[r]
		}
	}
	w.join(target, &callee)
}

func (w *writer) effect(i int, in vm.Instruction, s *origins) {
	switch in.OpCode.Class() {
	case vm.LDX:
		s[in.Dst] = w.load(i, in, in.Src)
	case vm.ST:
		w.store(i, in, 0)
	case vm.STX:
		w.storeRegister(i, in, s)
	case vm.LD:
		s[in.Dst] = w.constant(in)
	case vm.ALU, vm.ALU64:
		s[in.Dst] = computed(in, s[in.Dst], s[in.Src])
	case vm.JMP:
		if in.OpCode.Op() == vm.CALL {
			w.call(in, s)
		}
	}
}

// computed is the origin of what an operation leaves in its destination.
func computed(in vm.Instruction, dst, src origin) origin {
	if in.OpCode.Source() == vm.K {
		src = 0
	}
	if in.IsCast() {
		return ofArena
	}
	if in.OpCode.Op() == vm.MOV {
		return src
	}
	return dst | src
}

func (w *writer) storeRegister(i int, in vm.Instruction, s *origins) {
	if in.OpCode.Mode() == vm.ATOMIC && in.Imm == vm.LOAD_ACQ {
		s[in.Dst] = w.load(i, in, in.Src)
		return
	}
	w.store(i, in, s[in.Src])
	if in.OpCode.Mode() == vm.ATOMIC && in.Imm&vm.FETCH != 0 {
		fetched := w.load(i, in, in.Dst)
		s[in.Src] |= fetched
		s[vm.R0] |= fetched
	}
}

func (w *writer) store(i int, in vm.Instruction, value origin) {
	base := w.before[i][in.Dst]
	switch first, last, known := w.onStack(i, in, in.Dst); {
	case w.inArena(i, in.Dst):
		w.keep(&w.elsewhere, value)
	case base&ofContext != 0:
		w.found = true
	case value == 0:
	case known:
		for word := first; word <= last; word++ {
			bits := w.words[word]
			w.keep(&bits, value)
			w.words[word] = bits
		}
	case base&ofFrame != 0:
		w.keep(&w.frame, value)
	default:
		w.keep(&w.elsewhere, value)
	}
}

func (w *writer) load(i int, in vm.Instruction, base vm.Register) (bits origin) {
	first, last, known := w.onStack(i, in, base)
	switch {
	case w.inArena(i, base):
		return w.elsewhere | ofArena
	case known:
		for word := first; word <= last; word++ {
			bits |= w.words[word]
		}
		return bits | w.frame
	case w.before[i][base]&ofFrame != 0:
		return w.stack() | w.elsewhere
	}
	return w.elsewhere
}

// stack is whatever was stored to one.
func (w *writer) stack() origin {
	bits := w.frame
	for _, b := range w.words {
		bits |= b
	}
	return bits
}

// onStack is the words that an instruction accesses, if the checker knows them.
func (w *writer) onStack(i int, in vm.Instruction, base vm.Register) (first, last int64, known bool) {
	p := w.states[i].regs[base]
	at := p.off + int64(in.Off)
	return at >> 3, (at + int64(in.OpCode.Bytes()) - 1) >> 3, p.base == frame && !p.vague
}

func (w *writer) call(in vm.Instruction, s *origins) {
	switch {
	case in.IsLocalCall():
		s[vm.R0] = w.result
	case in.IsHelperCall():
		s[vm.R0] = w.help(int32(in.Imm), s)
	default: // through a register
		w.found = true
	}
	clear(s[vm.R1 : vm.R5+1])
}

// help looks at what a helper is handed. It may keep a copy of memory on the stack.
func (w *writer) help(id int32, s *origins) (result origin) {
	proto, ok := helper.ByID(id)
	w.found = w.found || !ok || id == helperOverrideReturn
	for k, arg := range proto.Args {
		bits := s[int(vm.R1)+k]
		if bits&ofContext != 0 && writable(arg) {
			w.found = true
		}
		if bits&ofFrame != 0 {
			w.keep(&w.elsewhere, w.stack())
		}
		if slices.Contains(proto.Args, helper.PtrToFunc) {
			w.keep(&w.callback, bits)
		}
	}
	if proto.Ret == helper.PtrToArena {
		return ofArena
	}
	return 0
}

// writable reports whether a helper may write where the argument points to.
func writable(arg helper.Arg) bool {
	switch arg.Kind() {
	case helper.PtrToMem, helper.PtrToFixedMem, helper.PtrToStack, helper.PtrToDynptr, helper.PtrToSpinLock, helper.PtrToTimer:
		return !arg.Has(helper.ReadOnly)
	case helper.PtrToMapValue:
		return arg.Has(helper.Uninit)
	}
	return false
}
