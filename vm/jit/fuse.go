package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// fuse translates several instructions at once where x86 has one for them. It
// returns how many it took, 0 if none. insns are those to the end of the block,
// the first at index i.
func (c *compiler) fuse(i int, insns []vm.Instruction) int {
	n := c.rotate(i, insns)
	if c.reachArena(i, min(3, len(insns))) { // which takes an address of its own
		return n
	}
	if n == 0 {
		n = c.changeMemory(i, insns)
	}
	if n == 0 {
		n = c.operandInMemory(i, insns)
	}
	if n == 0 {
		n = c.copyMemory(i, insns)
	}
	return n
}

// rotate is two shifts of copies put together; r, a or b, gets the result and
// the other one is not needed any more:
//
//	a = s; a <<= n; b = s; b >>= width-n; r |= other        r = s rotated
//
// b may be s itself. The shifts may change places.
func (c *compiler) rotate(i int, insns []vm.Instruction) int {
	if len(insns) < 4 || !isMove(insns[0]) {
		return 0
	}
	class, s := insns[0].OpCode.Class(), insns[0].Src
	a, b, n := insns[0].Dst, s, 4
	if len(insns) > 4 && insns[2].OpCode == insns[0].OpCode && isMove(insns[2]) && insns[2].Src == s {
		b, n = insns[2].Dst, 5
	}
	first, second, or := insns[1], insns[n-2], insns[n-1]
	left, ok := rotation(class, first, second)
	joins := or.OpCode == class|vm.OR|vm.X && (or.Dst == a && or.Src == b || or.Dst == b && or.Src == a)
	after := c.flow.liveAfter(i + n - 1)
	if !ok || !joins || a == b || a == s || first.Dst != a || second.Dst != b || after.has(or.Src) {
		return 0
	}
	c.live = after
	c.emitRotate(class, or.Dst, s, left)
	return n
}

// rotation is the distance to the left of two shifts that make up a rotation.
func rotation(class vm.OpCode, a, b vm.Instruction) (left int64, ok bool) {
	if a.OpCode.Op() != vm.LSH {
		a, b = b, a
	}
	bits := int64(8 * width(class))
	ok = a.OpCode == class|vm.LSH && b.OpCode == class|vm.RSH && a.Imm > 0 && b.Imm > 0 && a.Imm+b.Imm == bits
	return a.Imm, ok
}

func isMove(in vm.Instruction) bool {
	return in.OpCode.IsALU() && in.OpCode.Op() == vm.MOV && in.OpCode.Source() == vm.X && in.Off == 0
}

// emitRotate is d = s rotated.
func (c *compiler) emitRotate(class vm.OpCode, d, s vm.Register, left int64) {
	c.disturb(d)
	w, to, from := width(class), reg(d), c.read(s)
	switch {
	case from == to:
		c.emit(x86.Rol(w, to, x86.Imm(left)))
	case c.opts.Features.BMI2:
		c.emit(x86.Rorx(w, to, from, x86.Imm(int64(8*w)-left)))
	default:
		c.emit(x86.Mov(w, to, from), x86.Rol(w, to, x86.Imm(left)))
	}
	c.written(d)
}

// changeMemory:
//
//	t = *(u32 *)(b + o); w_t += x; *(u32 *)(b + o) = t        addl x, o(b)
func (c *compiler) changeMemory(i int, insns []vm.Instruction) int {
	if len(insns) < 3 {
		return 0
	}
	load, change, store := insns[0], insns[1], insns[2]
	size := load.OpCode.Size()
	t, base := load.Dst, load.Src
	op, ok := operationOf(size, change)
	if load.OpCode != vm.LDX|vm.MEM|size || store.OpCode != vm.STX|vm.MEM|size || !ok ||
		t == base || change.Dst != t || store.Src != t || store.Dst != base || store.Off != load.Off ||
		change.OpCode.Source() == vm.X && change.Src == t || c.flow.liveAfter(i+2).has(t) {
		return 0
	}
	c.live = c.flow.liveAfter(i + 2)
	w := x86.Width(load.OpCode.Bytes())
	x := c.source(change)
	if imm, ok := x.(x86.Imm); ok {
		x = immediate(int64(imm), w)
	}
	c.emit(op(w, c.address(base, load.Off), x))
	return 3
}

// operandInMemory:
//
//	t = *(u32 *)(b + o); w_d += w_t        addl o(b), d
func (c *compiler) operandInMemory(i int, insns []vm.Instruction) int {
	if len(insns) < 2 {
		return 0
	}
	load, use := insns[0], insns[1]
	size := load.OpCode.Size()
	t, d := load.Dst, use.Dst
	op, ok := operationOf(size, use)
	if load.OpCode != vm.LDX|vm.MEM|size || size != vm.W && size != vm.DW || !ok ||
		use.OpCode.Source() != vm.X || use.Src != t || c.flow.liveAfter(i+1).has(t) {
		return 0
	}
	c.live = c.flow.liveAfter(i + 1)
	to := c.update(d)
	c.emit(op(x86.Width(load.OpCode.Bytes()), to, c.address(load.Src, load.Off)))
	return 2
}

// operationOf is the operation on memory that an ALU instruction does on the
// value of a register of that size. What is wider than the value goes nowhere.
func operationOf(size vm.OpCode, in vm.Instruction) (func(x86.Width, x86.Operand, x86.Operand) x86.Instr, bool) {
	class := in.OpCode.Class()
	switch {
	case size == vm.DW && class != vm.ALU64:
		return nil, false
	case size == vm.W && class != vm.ALU:
		return nil, false
	case !in.OpCode.IsALU():
		return nil, false
	}
	switch in.OpCode.Op() {
	case vm.ADD:
		return x86.Add, true
	case vm.SUB:
		return x86.Sub, true
	case vm.OR:
		return x86.Or, true
	case vm.AND:
		return x86.And, true
	case vm.XOR:
		return x86.Xor, true
	}
	return nil, false
}
