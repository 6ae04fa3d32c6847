package object

import "github.com/bpftime-go/bpftime/vm"

// prune is asked for when something in the program cannot run, or the verifier refuses
// something: objects hold what is for other kernels, or for another type of a map,
// behind constants. It follows the program with what is constant (immediates, CO-RE's
// answers, absent weak symbols, read-only data), takes a branch that constants decide
// only one way, and removes what is then never reached. If what cannot run is reached,
// the program is refused.
//
// The analysis is optimistic: a register holds a constant until two ways to an
// instruction disagree, and knowledge only ever shrinks, so whatever was once
// reached is reached (Wegman and Zadeck, 1991). Functions begin with nothing
// known, and memory that programs write is never known.
func (l *linker) prune() error {
	p := &pruner{nodes: l.nodes, maps: l.Maps, states: make([]*state, len(l.nodes))}
	p.reach(0, &state{})
	for len(p.todo) > 0 {
		i := p.todo[len(p.todo)-1]
		p.todo = p.todo[:len(p.todo)-1]
		p.step(i)
	}
	for i, n := range l.nodes {
		if n.bad != nil && p.states[i] != nil {
			return n.origin.fail(n.bad)
		}
	}
	l.nodes = p.remaining()
	return nil
}

func (l *linker) hasBad() bool {
	for _, n := range l.nodes {
		if n.bad != nil {
			return true
		}
	}
	return false
}

// value is what is known of a register: nothing, a number, or that it is the
// address of a byte of a data section.
type value struct {
	kind   valueKind
	number uint64 // or offset
	data   *MapSpec
}

type valueKind uint8

const (
	unknown valueKind = iota
	number
	dataAddress
)

// state is what is known of the registers before an instruction.
type state [16]value

type pruner struct {
	nodes  []node
	maps   []*MapSpec
	states []*state // nil: not reached
	todo   []int
}

// reach adds a way to an instruction.
func (p *pruner) reach(i int, s *state) {
	if i >= len(p.nodes) {
		return // vm.Validate will refuse it
	}
	old := p.states[i]
	if old == nil {
		p.states[i] = new(*s)
		p.todo = append(p.todo, i)
		return
	}
	changed := false
	for r := range old {
		if old[r] != s[r] && old[r] != (value{}) {
			old[r] = value{}
			changed = true
		}
	}
	if changed {
		p.todo = append(p.todo, i)
	}
}

// step follows one instruction.
func (p *pruner) step(i int) {
	n, s := &p.nodes[i], *p.states[i]
	if n.bad != nil || n.IsExit() {
		return
	}
	if n.target >= 0 && !n.IsBranch() {
		p.reach(n.target, &state{}) // a function: called, or to be called back
	}
	switch class := n.OpCode.Class(); {
	case n.IsBranch():
		taken, decided := decide(n.Instruction, &s)
		if !decided || taken {
			p.reach(n.target, &s)
		}
		if decided && taken {
			return
		}
	case class == vm.JMP: // a call
		clear(s[vm.R0 : vm.R5+1])
	case class == vm.ALU || class == vm.ALU64:
		s[n.Dst] = compute(n.Instruction, s[n.Dst], s[n.Src])
	case class == vm.LDX:
		s[n.Dst] = load(n.Instruction, s[n.Src])
	case class == vm.LD:
		s[n.Dst] = p.constant(n.Instruction)
	case class == vm.STX && n.OpCode.Mode() == vm.ATOMIC: // may load into any of the three
		s[n.Src], s[n.Dst], s[vm.R0] = value{}, value{}, value{}
	}
	p.reach(i+1, &s)
}

// constant is what an LDDW loads.
func (p *pruner) constant(in vm.Instruction) value {
	switch in.Src {
	case 0:
		return value{kind: number, number: uint64(in.Imm)}
	case vm.PseudoMapValue:
		return value{dataAddress, uint64(in.Imm) >> 32, p.maps[uint32(in.Imm)]}
	}
	return value{}
}

// load reads a constant from a data section that nobody writes to.
func load(in vm.Instruction, from value) value {
	if from.kind != dataAddress || from.data.Flags&ReadOnly == 0 {
		return value{}
	}
	size := uint64(in.OpCode.Bytes())
	at := from.number + uint64(int64(in.Off))
	contents := from.data.Contents
	if at > uint64(len(contents)) || size > uint64(len(contents))-at {
		return value{}
	}
	v := readNumber(contents[at : at+size])
	if in.OpCode.Mode() == vm.MEMSX {
		shift := 64 - 8*size
		v = uint64(int64(v<<shift) >> shift)
	}
	return value{kind: number, number: v}
}

// operand is the second operand of an ALU instruction or a branch.
func operand(in vm.Instruction, src value) value {
	if in.OpCode.Source() == vm.K {
		return value{kind: number, number: uint64(in.Imm)}
	}
	return src
}

// decide evaluates a branch; decided is false when its operands are unknown.
func decide(in vm.Instruction, s *state) (taken, decided bool) {
	if in.IsAlways() {
		return true, true
	}
	x, y := s[in.Dst], operand(in, s[in.Src])
	if x.kind != number || y.kind != number {
		return false, false
	}
	a, b := x.number, y.number
	if !in.OpCode.Is64() { // compares as 64-bit numbers of the same order
		a, b = uint64(int64(int32(a))), uint64(int64(int32(b)))
	}
	switch in.OpCode.Op() {
	case vm.JEQ:
		return a == b, true
	case vm.JNE:
		return a != b, true
	case vm.JSET:
		return a&b != 0, true
	case vm.JGT:
		return a > b, true
	case vm.JGE:
		return a >= b, true
	case vm.JLT:
		return a < b, true
	case vm.JLE:
		return a <= b, true
	case vm.JSGT:
		return int64(a) > int64(b), true
	case vm.JSGE:
		return int64(a) >= int64(b), true
	case vm.JSLT:
		return int64(a) < int64(b), true
	case vm.JSLE:
		return int64(a) <= int64(b), true
	}
	return false, false
}

// compute evaluates an ALU instruction on numbers, as far as it is what
// compilers write to test a constant.
func compute(in vm.Instruction, dst, src value) value {
	if in.OpCode.Op() == vm.END || in.OpCode.Op() == vm.NEG || in.Off != 0 {
		return value{}
	}
	wide := in.OpCode.Class() == vm.ALU64
	y := operand(in, src)
	if in.OpCode.Op() == vm.MOV && wide {
		return y
	}
	if y.kind != number || dst.kind != number && in.OpCode.Op() != vm.MOV {
		return value{}
	}
	a, b, bits := dst.number, y.number, uint64(64)
	if !wide {
		a, b, bits = uint64(int64(int32(a))), uint64(int64(int32(b))), 32
	}
	v, ok := arithmetic(in.OpCode.Op(), a, b, bits)
	if !ok {
		return value{}
	}
	if !wide {
		v = uint64(uint32(v))
	}
	return value{kind: number, number: v}
}

// arithmetic works on sign-extended operands; only the low bits of the result
// count.
func arithmetic(op vm.OpCode, a, b, bits uint64) (v uint64, ok bool) {
	shift := b & (bits - 1)
	switch op {
	case vm.MOV:
		return b, true
	case vm.ADD:
		return a + b, true
	case vm.SUB:
		return a - b, true
	case vm.AND:
		return a & b, true
	case vm.OR:
		return a | b, true
	case vm.XOR:
		return a ^ b, true
	case vm.LSH:
		return a << shift, true
	case vm.RSH:
		return a << (64 - bits) >> (64 - bits) >> shift, true
	case vm.ARSH:
		return uint64(int64(a) >> shift), true
	}
	return 0, false
}

// remaining are the instructions that are reached, with decided branches made
// unconditional, or left out.
func (p *pruner) remaining() []node {
	moved := make([]int, len(p.nodes)) // index of it, or of the next that remains
	var kept []node
	for i, n := range p.nodes {
		moved[i] = len(kept)
		s := p.states[i]
		if s == nil {
			continue
		}
		if taken, decided := decide(n.Instruction, s); n.IsBranch() && decided && !n.IsAlways() {
			if !taken {
				continue
			}
			n.Instruction = vm.Instruction{OpCode: vm.JMP | vm.JA}
		}
		kept = append(kept, n)
	}
	for i := range kept {
		if kept[i].target >= 0 {
			kept[i].target = moved[kept[i].target]
		}
	}
	return kept
}
