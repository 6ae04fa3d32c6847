package vm

import (
	"fmt"
	"slices"
)

// Options say what a program may refer to. The zero value suits a program
// without maps.
type Options struct {
	// Maps is the number of maps. An LDDW with source PseudoMapFD or
	// PseudoMapValue has an index below it in the low half of its constant.
	Maps int

	// Helper, when not nil, is asked about every helper number.
	Helper func(id int32) bool

	// Strict refuses, as the kernel does, two things that the instruction set
	// gives a meaning: a division by an immediate zero (it is a division by
	// zero like any other) and a shift by an immediate outside of the width
	// (only the low 5 or 6 bits count). The verifier asks for it.
	Strict bool
}

// Load is Decode and Validate.
func Load(code []byte, opts Options) (*Program, error) {
	insns, err := Decode(code)
	if err != nil {
		return nil, err
	}
	return Validate(insns, opts)
}

// Validate checks that the program is well-formed: known opcodes, unused fields
// zero, registers up to r10 and r10 never written, branches inside their own
// function and never into an LDDW, no way past the end of a function, no
// recursion, at most MaxDepth frames. It takes O(n log n) time and O(n) memory.
// The error is an *Error.
//
// It does not ask whether the program terminates or touches only its memory.
func Validate(insns []Instruction, opts Options) (*Program, error) {
	p := &Program{insns: slices.Clone(insns), maps: opts.Maps}
	for _, step := range []func(Options) error{p.layout, p.checkEncodings, p.resolve, p.findFunctions, p.checkFlow, p.measureDepth} {
		if err := step(opts); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Program) fail(i int, format string, args ...any) error {
	return &Error{Slot: p.Slot(i), Insn: p.insns[i], Reason: fmt.Sprintf(format, args...)}
}

// layout numbers the slots.
func (p *Program) layout(Options) error {
	if len(p.insns) == 0 {
		return &Error{Reason: "empty program"}
	}
	p.slots = make([]int32, len(p.insns)+1)
	for i, in := range p.insns {
		p.slots[i+1] = p.slots[i] + int32(in.Slots())
		p.index = append(p.index, int32(i))
		if in.Slots() == 2 {
			p.index = append(p.index, -1)
		}
	}
	if p.NumSlots() > MaxSlots {
		return &Error{Slot: MaxSlots, Reason: fmt.Sprintf("a program of %d slots is larger than %d", p.NumSlots(), MaxSlots)}
	}
	return nil
}

// checkEncodings judges each instruction by itself.
func (p *Program) checkEncodings(opts Options) error {
	helpers := map[int32]bool{}
	for i, in := range p.insns {
		if reason := checkInstruction(in, opts); reason != "" {
			return p.fail(i, "%s", reason)
		}
		if in.IsHelperCall() {
			helpers[int32(in.Imm)] = true
		}
		p.dynamic = p.dynamic || in.OpCode == CALLX
	}
	for id := range helpers {
		p.helpers = append(p.helpers, id)
	}
	slices.Sort(p.helpers)
	return nil
}

// resolve turns distances in slots into indexes.
func (p *Program) resolve(Options) error {
	p.targets = make([]int32, len(p.insns))
	for i, in := range p.insns {
		p.targets[i] = -1
		distance, ok := in.Distance()
		if !ok {
			continue
		}
		slot := int64(p.Slot(i)) + 1 + distance
		if slot < 0 || slot >= int64(p.NumSlots()) {
			return p.fail(i, "target %d is outside the program of %d slots", slot, p.NumSlots())
		}
		target, ok := p.Index(int(slot))
		if !ok {
			return p.fail(i, "target %d is the second slot of an LDDW", slot)
		}
		if target == i && in.IsAlways() {
			return p.fail(i, "infinite loop: jump to itself")
		}
		p.targets[i] = int32(target)
	}
	return nil
}

// findFunctions cuts the program at the targets of calls and references.
func (p *Program) findFunctions(Options) error {
	starts := []int{0}
	referenced := map[int]bool{}
	for i, in := range p.insns {
		if in.IsLocalCall() || in.IsFuncRef() {
			starts = append(starts, p.Target(i))
		}
		if in.IsFuncRef() {
			referenced[p.Target(i)] = true
		}
	}
	slices.Sort(starts)
	starts = append(slices.Compact(starts), len(p.insns))
	p.funcOf = make([]int32, len(p.insns))
	for f := range starts[:len(starts)-1] {
		fn := Function{Start: starts[f], End: starts[f+1], Referenced: referenced[starts[f]]}
		for i := fn.Start; i < fn.End; i++ {
			p.funcOf[i] = int32(f)
		}
		p.funcs = append(p.funcs, fn)
	}
	return nil
}

// checkFlow keeps control inside functions and collects what they call.
func (p *Program) checkFlow(Options) error {
	for f := range p.funcs {
		fn := &p.funcs[f]
		if err := p.checkBody(f, fn); err != nil {
			return err
		}
		slices.Sort(fn.Calls)
		fn.Calls = slices.Compact(fn.Calls)
	}
	return p.checkEnds()
}

// checkEnds follows control from the start of every function: no way leads past
// its end. Instructions that nothing leads to are not looked at.
func (p *Program) checkEnds() error {
	seen := make([]bool, len(p.insns))
	for _, fn := range p.funcs {
		for todo := []int{fn.Start}; len(todo) > 0; {
			i := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for ; !seen[i]; i++ {
				seen[i] = true
				in := p.insns[i]
				if in.IsBranch() {
					todo = append(todo, p.Target(i))
				}
				if in.IsAlways() || in.IsExit() {
					break
				}
				if i+1 == fn.End {
					return p.fail(i, "control runs past the end of the function of insn %d, which ends in no exit and no jump", p.Slot(fn.Start))
				}
			}
		}
	}
	return nil
}

func (p *Program) checkBody(f int, fn *Function) error {
	for i := fn.Start; i < fn.End; i++ {
		in := p.insns[i]
		switch {
		case in.IsBranch() && p.FunctionOf(p.Target(i)) != f:
			return p.fail(i, "target %d is in another function", p.Slot(p.Target(i)))
		case in.IsLocalCall():
			fn.Calls = append(fn.Calls, p.FunctionOf(p.Target(i)))
		case in.OpCode == CALLX:
			fn.CallX = true
		case in.IsHelperCall() && in.Imm == TailCall:
			fn.TailCall = true
		}
	}
	return nil
}

// measureDepth walks the call graph. Depth-first from each function, with the
// functions on the current chain marked, so recursion is seen; it is iterative
// because the input decides how deep it goes.
func (p *Program) measureDepth(Options) error {
	const onChain = -1
	type visit struct{ fn, next int }
	for root := range p.funcs {
		if p.funcs[root].Depth != 0 {
			continue
		}
		p.funcs[root].Depth = onChain
		for chain := []visit{{fn: root}}; len(chain) > 0; {
			top := &chain[len(chain)-1]
			fn := &p.funcs[top.fn]
			if top.next == len(fn.Calls) {
				fn.Depth = p.depthOf(fn)
				chain = chain[:len(chain)-1]
				continue
			}
			callee := fn.Calls[top.next]
			top.next++
			switch p.funcs[callee].Depth {
			case onChain:
				return p.fail(p.funcs[callee].Start, "recursion: this function calls itself through the function of insn %d", p.Slot(fn.Start))
			case 0:
				p.funcs[callee].Depth = onChain
				chain = append(chain, visit{fn: callee})
			}
		}
	}
	return p.checkDepth()
}

// depthOf needs the depths of all callees.
func (p *Program) depthOf(fn *Function) int {
	deepest := 0
	for _, callee := range fn.Calls {
		deepest = max(deepest, p.funcs[callee].Depth)
	}
	return deepest + 1
}

func (p *Program) checkDepth() error {
	for _, fn := range p.funcs {
		if fn.Depth > MaxDepth {
			return p.fail(fn.Start, "call stack of %d frames is too deep, the limit is %d", fn.Depth, MaxDepth)
		}
		p.depth = max(p.depth, fn.Depth)
	}
	return nil
}
