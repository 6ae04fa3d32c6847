package object

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// linker makes one program.
//
//	place    the function and what it refers to, one after the other
//	resolve  every reference; what cannot be had is marked as bad
//	relocate CO-RE
//	prune    if anything is bad, or the verifier refuses it: what constants decide
//	encode   distances, and vm.Validate
type linker struct {
	*Object
	nodes  []node
	starts map[*Function]int // index of the first node
	funcs  []*Function       // in the order they were placed
}

// node is an instruction whose target is known by index.
type node struct {
	vm.Instruction
	target int // of a branch, local call or function's address; else -1
	origin Origin
	core   *btf.CORERelocation
	bad    *refusal // why it cannot run
}

func (l *linker) link(spec *ProgramSpec) (*Program, error) {
	if err := l.place(spec.Function); err != nil {
		return nil, err
	}
	for i := range l.nodes {
		l.resolve(&l.nodes[i])
	}
	if err := l.relocate(l.nodes); err != nil {
		return nil, &Error{Program: spec.Name, Insn: -1, Reason: "CO-RE: " + err.Error(), Err: err}
	}
	if l.hasBad() {
		if err := l.prune(); err != nil {
			return nil, err
		}
	}
	p, err := l.program(spec)
	if err == nil {
		p.pruned = func() (*Program, error) {
			if err := l.prune(); err != nil {
				return nil, err
			}
			return l.program(spec)
		}
	}
	return p, err
}

// program encodes what was linked.
func (l *linker) program(spec *ProgramSpec) (*Program, error) {
	prog, err := vm.Validate(l.encode(), vm.Options{Maps: len(l.Maps)})
	var invalid *vm.Error
	if errors.As(err, &invalid) {
		return nil, l.locate(invalid)
	}
	if err != nil {
		return nil, err
	}
	p := &Program{Name: spec.Name, SEC: spec.SEC, Prog: prog, object: l.Object}
	for _, n := range l.nodes {
		p.Origin = append(p.Origin, n.origin)
	}
	for _, f := range prog.Functions() {
		p.Funcs = append(p.Funcs, p.Origin[f.Start].Func)
	}
	return p, nil
}

// place appends a function and all it refers to, each once.
func (l *linker) place(first *Function) error {
	todo := []*Function{first}
	l.starts[first] = 0
	slots := 0
	for at := 0; at < len(todo); at++ {
		f := todo[at]
		l.starts[f] = len(l.nodes)
		if len(f.Insns) == 0 {
			return &Error{Program: f.Name, Insn: -1, Reason: "the function is empty"}
		}
		if err := l.placeOne(f); err != nil {
			return err
		}
		for _, in := range f.Insns {
			slots += in.Slots()
			callee := l.Object.funcs[in.Ref.Name]
			if in.Ref.Kind != RefFunc || callee == nil {
				continue
			}
			if _, placed := l.starts[callee]; !placed {
				l.starts[callee] = 0
				todo = append(todo, callee)
			}
		}
		if slots > vm.MaxSlots {
			return &Error{Program: first.Name, Insn: -1, Reason: fmt.Sprintf("with what it calls it has more than %d slots", vm.MaxSlots)}
		}
	}
	l.funcs = todo
	return nil
}

// placeOne appends the instructions of a function; its branches stay inside.
func (l *linker) placeOne(f *Function) error {
	start := len(l.nodes)
	at := map[int]int{} // slot -> node
	slot := 0
	for i, in := range f.Insns {
		at[slot] = start + i
		slot += in.Slots()
	}
	slot = 0
	for i, in := range f.Insns {
		n := node{Instruction: in.Instruction, target: -1, origin: Origin{f, i}, core: in.CORE}
		if in.IsBranch() {
			distance, _ := in.Distance()
			target, ok := at[slot+1+int(distance)]
			if !ok {
				return n.origin.fail(&refusal{fmt.Sprintf("%s leads out of the function", in.Instruction), ""})
			}
			n.target = target
		}
		slot += in.Slots()
		l.nodes = append(l.nodes, n)
	}
	return nil
}

// resolve gives an instruction what it refers to.
func (l *linker) resolve(n *node) {
	ref := n.origin.Func.Insns[n.origin.Insn].Ref
	switch ref.Kind {
	case RefMap:
		n.Src, n.Imm = vm.PseudoMapFD, int64(l.index[ref.Name])
	case RefData:
		l.data(n, ref.Name, ref.Offset)
	case RefFunc:
		n.target = l.starts[l.Object.funcs[ref.Name]]
		n.Src = vm.PseudoCall
		if n.OpCode == vm.LDDW {
			n.Src = vm.PseudoFunc
		}
	case RefExtern:
		l.extern(n, ref.Name)
	case RefBroken:
		n.bad = &refusal{ref.Name, ""}
	case RefNone:
		n.bad = l.checkCall(n)
	}
}

// because says why some helpers are missing.
var because = map[int32]string{
	169: noTimers, 170: noTimers, 171: noTimers, 172: noTimers,
}

const noTimers = ": a timer fires while no probe is hit, and the agent has no thread and no signal; keep the time in a map, and compare it at the next probe"

// checkCall judges a call that refers to nothing by name.
func (l *linker) checkCall(n *node) *refusal {
	switch {
	case n.OpCode != vm.JMP|vm.CALL:
		return nil
	case n.IsHelperCall() && !l.opts.Helper(int32(n.Imm)):
		return &refusal{fmt.Sprintf("call of %s, which does not exist here%s", helper.Describe(int32(n.Imm)), because[int32(n.Imm)]), ""}
	case n.Src == vm.PseudoKfunc:
		return &refusal{fmt.Sprintf("call of a kernel function by its number %d", n.Imm), ""}
	}
	return nil
}

// data makes an LDDW load the address of a place in a data section.
func (l *linker) data(n *node, section string, offset uint32) {
	n.Src, n.Imm = vm.PseudoMapValue, int64(offset)<<32|int64(l.index[section])
}

// encode turns indexes of targets into distances.
func (l *linker) encode() []vm.Instruction {
	slots := make([]int, len(l.nodes))
	slot := 0
	for i, n := range l.nodes {
		slots[i] = slot
		slot += n.Slots()
	}
	insns := make([]vm.Instruction, len(l.nodes))
	for i, n := range l.nodes {
		in := n.Instruction
		if n.target >= 0 {
			distance := slots[n.target] - slots[i] - 1
			switch {
			case in.OpCode == vm.LDDW:
				in.Imm = int64(uint32(int32(distance)))
			case in.OpCode == vm.JA32, in.IsLocalCall():
				in.Imm = int64(distance)
			default: // no longer than it was
				in.Off = int16(distance)
			}
		}
		insns[i] = in
	}
	return insns
}

// locate names the instruction of the object in an error of vm.Validate, which
// counts slots of the program.
func (l *linker) locate(invalid *vm.Error) error {
	slot := 0
	for _, n := range l.nodes {
		if slot >= invalid.Slot {
			return n.origin.fail(&refusal{fmt.Sprintf("%s: %s", n.Instruction, invalid.Reason), ""})
		}
		slot += n.Slots()
	}
	return failure("", "%w", invalid)
}

// fail is the error of one instruction.
func (o Origin) fail(why *refusal) *Error {
	e := &Error{Program: o.Func.Name, Reason: why.reason, Help: why.help}
	for _, in := range o.Func.Insns[:o.Insn] {
		e.Insn += in.Slots()
	}
	if line, ok := o.Func.LineOf(o.Insn); ok {
		e.Source = fmt.Sprintf("%s:%d", line.File, line.Line)
	}
	return e
}
