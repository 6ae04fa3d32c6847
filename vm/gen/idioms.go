package gen

import "github.com/bpftime-go/bpftime/vm"

// Idioms are sequences that compilers emit and that an engine may translate as a
// whole. Each also comes slightly wrong, so that an engine that looks at too
// little of it is found; and what the engine may take for no longer needed is
// overwritten only every other time.

func (g *generator) idiom() statement {
	switch k := g.IntN(7); {
	case k == 0:
		return statement{code: g.rotation()}
	case k == 1:
		return statement{code: g.changeInMemory()}
	case k == 2:
		return statement{code: g.operandFromMemory()}
	case k == 3:
		return statement{code: g.copies()}
	case k == 4:
		return statement{code: g.indexed()}
	case k == 5 && !g.tooManyPaths():
		return g.selection()
	}
	return statement{code: g.sums()}
}

// kill overwrites the register, or not.
func (g *generator) kill(r vm.Register) []vm.Instruction {
	if g.coin() {
		return nil
	}
	return []vm.Instruction{loadConstant(r, g.number())}
}

func (g *generator) class() vm.OpCode { return pick(g, vm.ALU, vm.ALU64) }

// rotation is two shifts of copies, put together.
func (g *generator) rotation() []vm.Instruction {
	class, s := g.class(), g.reg()
	width := int64(32)
	if class == vm.ALU64 {
		width = 64
	}
	t, d, left := g.regBut(s), g.reg(), 1+g.Int64N(width-1)
	right := width - left
	if g.IntN(8) == 0 {
		right = g.Int64N(width)
	}
	copyOf := func(dst vm.Register) vm.Instruction {
		return vm.Instruction{OpCode: class | vm.MOV | vm.X, Dst: dst, Src: s}
	}
	shifts := []vm.Instruction{{OpCode: class | vm.LSH, Dst: t, Imm: left}, {OpCode: class | vm.RSH, Dst: d, Imm: right}}
	if g.coin() {
		shifts[0].Dst, shifts[1].Dst = d, t
		shifts[0], shifts[1] = shifts[1], shifts[0]
	}
	code := []vm.Instruction{copyOf(t), shifts[0]}
	if d != s {
		code = append(code, copyOf(d))
	}
	or := vm.Instruction{OpCode: class | vm.OR | vm.X, Dst: d, Src: t}
	if g.IntN(3) == 0 {
		or.Dst, or.Src = t, d
	}
	return append(append(code, shifts[1], or), g.kill(or.Src)...)
}

// simple is an operation that x86 has on memory too.
func (g *generator) simple(dst vm.Register) vm.Instruction {
	op := pick(g, vm.ADD, vm.SUB, vm.OR, vm.AND, vm.XOR)
	return g.withOperand(vm.Instruction{OpCode: g.class() | op, Dst: dst}, g.imm())
}

// changeInMemory loads, changes and stores.
func (g *generator) changeInMemory() []vm.Instruction {
	size := pick(g, vm.B, vm.H, vm.W, vm.DW)
	p := g.place(size.Bytes(), false)
	t := g.regBut(p.base)
	change := g.simple(t)
	if p.base != vm.R10 && change.OpCode.Source() == vm.X && change.Src == p.base {
		change.Src = t // else the result depends on where memory lies
	}
	to := p.off
	if g.IntN(8) == 0 && p.base == vm.R10 {
		to = int16(g.fn.bottom())
	}
	code := p.around(load(size, t, p.base, p.off), change, store(size, p.base, t, to))
	return append(code, g.kill(t)...)
}

// operandFromMemory loads what one operation uses.
func (g *generator) operandFromMemory() []vm.Instruction {
	size := pick(g, vm.H, vm.W, vm.DW)
	p := g.place(size.Bytes(), false)
	t := g.regBut(p.base)
	use := g.simple(g.regBut(p.base))
	use.OpCode, use.Src, use.Imm = use.OpCode|vm.X, t, 0
	return append(p.around(load(size, t, p.base, p.off), use), g.kill(t)...)
}

// sums are moves and additions among few registers.
func (g *generator) sums() []vm.Instruction {
	regs := []vm.Register{g.reg(), g.reg(), g.reg()}
	code := make([]vm.Instruction, 2+g.IntN(8))
	for i := range code {
		dst, src := pick(g, regs...), pick(g, regs...)
		switch g.IntN(8) {
		case 0, 1:
			code[i] = move(dst, src)
		case 2, 3:
			code[i] = vm.Instruction{OpCode: vm.ALU64 | vm.ADD | vm.X, Dst: dst, Src: src}
		case 4:
			code[i] = alu64Imm(pick(g, vm.ADD, vm.SUB), dst, g.imm())
		case 5:
			code[i] = alu64Imm(vm.LSH, dst, 1+g.Int64N(4))
		case 6:
			code[i] = alu64Imm(vm.MUL, dst, pick[int64](g, 2, 3, 4, 5, 7, 8, 9, 17))
		default:
			code[i] = g.alu()
		}
	}
	return code
}

// selection jumps over one or two changes of a register; now and then what it
// compares is a register and what it was before.
func (g *generator) selection() statement {
	branch, r := g.condition(), g.reg()
	s := statement{branch: &branch}
	if branch.OpCode.Source() == vm.X && branch.Dst != branch.Src && g.coin() {
		a, b := branch.Dst, branch.Src
		s.code = []vm.Instruction{
			load(vm.DW, a, vm.R10, int16(g.fn.bottom())),
			move(b, a),
			pick(g, alu64Imm(vm.ADD, a, g.imm()), alu64Imm(vm.LSH, a, 1), alu64Imm(vm.MUL, a, 3), move(a, b)),
		}
		if g.coin() {
			s.branch.Dst, s.branch.Src = b, a
		}
		s.after = append(g.kill(a), g.kill(b)...)
	}
	for range 1 + g.IntN(3) {
		change := g.simple(r)
		if g.IntN(3) == 0 {
			change.OpCode = change.OpCode&^0xf0 | vm.MOV
		}
		s.then = append(s.then, statement{code: []vm.Instruction{change}})
	}
	return s
}

// indexed accesses the input at an index, twice.
func (g *generator) indexed() []vm.Instruction {
	size := pick(g, vm.B, vm.H, vm.W, vm.DW)
	index := g.reg()
	array := g.regBut(index)
	base := g.regBut(index, array)
	shift := g.Int64N(4)
	code := []vm.Instruction{
		{OpCode: g.class() | vm.AND, Dst: index, Imm: 63 >> shift},
		load(vm.DW, array, vm.R10, memSlot),
		move(base, index),
	}
	if shift != 0 {
		code = append(code, alu64Imm(vm.LSH, base, shift))
	}
	code = append(code, vm.Instruction{OpCode: vm.ALU64 | vm.ADD | vm.X, Dst: base, Src: array})
	end := inputSize - 63 - size.Bytes()
	for range 2 {
		off, other := int16(g.IntN(end)), g.regBut(array, base)
		if g.coin() {
			code = append(code, load(size, other, base, off))
		} else {
			code = append(code, store(size, base, other, off))
		}
		if g.IntN(3) == 0 {
			code = append(code, alu64Imm(vm.ADD, pick(g, index, other), g.imm()))
		}
	}
	return append(code, alu64Imm(vm.MOV, array, g.imm()), alu64Imm(vm.MOV, base, g.imm()))
}

// copies copies memory piece by piece, also onto itself.
func (g *generator) copies() []vm.Instruction {
	size := pick(g, vm.B, vm.B, vm.H, vm.W)
	step := size.Bytes()
	from, to := g.reg(), vm.R10
	for to = g.reg(); to == from; {
		to = g.reg()
	}
	t := g.regBut(from, to)
	var code, after []vm.Instruction
	place := func(r vm.Register) (base vm.Register, off, room int) {
		switch g.IntN(3) {
		case 0:
			return vm.R10, g.fn.bottom(), g.fn.area
		case 1:
			code = append(code, move(r, vm.R10))
			off, room = g.fn.bottom(), g.fn.area
		default:
			code = append(code, load(vm.DW, r, vm.R10, memSlot))
			room = inputSize
		}
		after = append(after, alu64Imm(vm.MOV, r, g.imm()))
		return r, off, room
	}
	n := min(2+g.IntN(12), 32/step) // no area is smaller
	src, off, room := place(from)
	off += step * g.IntN((room-n*step)/step+1)
	dst, toOff, room := place(to)
	toOff += step * g.IntN((room-n*step)/step+1)
	for i := range n {
		j := i
		if g.IntN(10) == 0 {
			j = g.IntN(n)
		}
		code = append(code, load(size, t, src, int16(off+i*step)), store(size, dst, t, int16(toOff+j*step)))
	}
	return append(append(code, g.kill(t)...), after...)
}
