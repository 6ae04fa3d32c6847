package gen

import "github.com/bpftime-go/bpftime/vm"

// A frame, below r10:
//
//	  -8  address of the memory
//	 -16  counter of the outer loop
//	 -24  counter of the inner loop
//	-104  r0 to r9 at the end (the main function only)
//	      random numbers, read and written by statements: the area
const (
	memSlot    = -8
	outerLoop  = -16
	innerLoop  = -24
	loopBottom = -24
	saveBottom = loopBottom - saveSize
)

// function is one function of a program.
type function struct {
	main bool
	area int // bytes of the area, a multiple of 8
	body []statement
}

func (f *function) bottom() int {
	if f.main {
		return saveBottom - f.area
	}
	return loopBottom - f.area
}

// statement is straight code; then, as far as they are there, a branch over arms,
// a loop, or a call; then straight code again.
type statement struct {
	code []vm.Instruction

	// If branch is set, it decides between two arms: taken, orElse is left out.
	branch       *vm.Instruction
	then, orElse []statement
	long         bool // the jump over the second arm is gotol

	// If times is not 0, body runs that often, counted in the stack slot.
	times   int
	counter int16
	body    []statement

	// If count is set, body runs while a register, which it does not write, has
	// not reached a value.
	count *counted

	// If callee is not 0, the function of that number is called, by name or by
	// callx through a register.
	callee   int
	indirect bool
	through  vm.Register

	after []vm.Instruction // straight code behind all that
}

// counted is a loop as compilers make it of a known number of rounds. init sets
// the register, and what is left to its end is a multiple of the step.
type counted struct {
	init        []vm.Instruction
	r           vm.Register
	step, until int64
	stepFirst   bool
	subtracts   bool // the opposite of the step
	leaves      bool // the jump leaves the loop, and another one goes back
}

// emitter lays out instructions. Distances to functions are filled in when all
// functions have their place.
type emitter struct {
	insns []vm.Instruction
	slot  int
	calls []callSite
	slots []int // of functions
}

type callSite struct{ index, slot, callee int }

func (c *Case) instructions() []vm.Instruction {
	e := &emitter{}
	called := map[int]bool{0: true}
	for i := range c.funcs {
		f := &c.funcs[i]
		e.slots = append(e.slots, e.slot)
		if !called[i] {
			continue
		}
		markCalls(f.body, called)
		e.emit(f.prologue()...)
		e.block(f.body)
		e.emit(f.epilogue()...)
	}
	for _, call := range e.calls {
		in := &e.insns[call.index]
		distance := int64(e.slots[call.callee] - call.slot - 1)
		if in.OpCode == vm.LDDW {
			distance = int64(uint32(distance))
		}
		in.Imm = distance
	}
	return e.insns
}

// markCalls adds the callees of a block. They are later functions, so one pass
// in order finds all that can be reached.
func markCalls(block []statement, called map[int]bool) {
	for _, s := range block {
		called[s.callee] = true
		markCalls(s.then, called)
		markCalls(s.orElse, called)
		markCalls(s.body, called)
	}
}

func (e *emitter) emit(insns ...vm.Instruction) {
	for _, in := range insns {
		e.insns = append(e.insns, in)
		e.slot += in.Slots()
	}
}

func (e *emitter) block(statements []statement) {
	for i := range statements {
		e.statement(&statements[i])
	}
}

func (e *emitter) statement(s *statement) {
	e.emit(s.code...)
	switch {
	case s.branch != nil:
		e.arms(s)
	case s.times != 0:
		e.loop(s)
	case s.count != nil:
		e.counted(s)
	case s.callee != 0:
		e.call(s)
	}
	e.emit(s.after...)
}

// arms lays out: if … goto B; then; goto END; B: orElse; END.
func (e *emitter) arms(s *statement) {
	at, from := len(e.insns), e.slot
	e.emit(*s.branch)
	e.block(s.then)
	if len(s.orElse) == 0 {
		e.insns[at].Off = int16(e.slot - from - 1)
		return
	}
	over, overFrom := len(e.insns), e.slot
	e.emit(vm.Instruction{OpCode: vm.JMP | vm.JA})
	e.insns[at].Off = int16(e.slot - from - 1)
	e.block(s.orElse)
	distance := e.slot - overFrom - 1
	if s.long {
		e.insns[over] = vm.Instruction{OpCode: vm.JA32, Imm: int64(distance)}
	} else {
		e.insns[over].Off = int16(distance)
	}
}

// loop lays out: counter = 0; HEAD: body; r9 = counter + 1; counter = r9;
// if r9 < times goto HEAD.
func (e *emitter) loop(s *statement) {
	e.emit(storeImm(vm.DW, vm.R10, s.counter, 0))
	head := e.slot
	e.block(s.body)
	e.emit(
		load(vm.DW, vm.R9, vm.R10, s.counter),
		alu64Imm(vm.ADD, vm.R9, 1),
		store(vm.DW, vm.R10, vm.R9, s.counter),
	)
	back := vm.Instruction{OpCode: vm.JMP | vm.JGT | vm.X, Dst: vm.R8, Src: vm.R9}
	back.Off = int16(head - e.slot - 2)
	e.emit(alu64Imm(vm.MOV, vm.R8, int64(s.times)), back)
}

// counted lays out: init; HEAD: body; r += step; if r != until goto HEAD.
func (e *emitter) counted(s *statement) {
	k := s.count
	step := alu64Imm(vm.ADD, k.r, k.step)
	if k.subtracts {
		step = alu64Imm(vm.SUB, k.r, -k.step)
	}
	e.emit(k.init...)
	head := e.slot
	if k.stepFirst {
		e.emit(step)
	}
	e.block(s.body)
	if !k.stepFirst {
		e.emit(step)
	}
	if k.leaves {
		e.emit(
			vm.Instruction{OpCode: vm.JMP | vm.JEQ, Dst: k.r, Imm: k.until, Off: 1},
			vm.Instruction{OpCode: vm.JMP | vm.JA, Off: int16(head - e.slot - 2)})
		return
	}
	e.emit(vm.Instruction{OpCode: vm.JMP | vm.JNE, Dst: k.r, Imm: k.until, Off: int16(head - e.slot - 1)})
}

func (e *emitter) call(s *statement) {
	in := vm.Instruction{OpCode: vm.JMP | vm.CALL, Src: vm.PseudoCall}
	if s.indirect {
		in = vm.Instruction{OpCode: vm.LDDW, Dst: s.through, Src: vm.PseudoFunc}
	}
	e.calls = append(e.calls, callSite{len(e.insns), e.slot, s.callee})
	e.emit(in)
	if s.indirect {
		e.emit(vm.Instruction{OpCode: vm.CALLX, Dst: s.through})
	}
}
