package gen

import "github.com/bpftime-go/bpftime/vm"

// alu is any operation of ALU or ALU64.
func (g *generator) alu() vm.Instruction {
	in := vm.Instruction{OpCode: pick(g, vm.ALU, vm.ALU64), Dst: g.reg()}
	width := int64(32)
	if in.OpCode == vm.ALU64 {
		width = 64
	}
	op := pick(g, vm.ADD, vm.SUB, vm.MUL, vm.DIV, vm.OR, vm.AND, vm.LSH, vm.RSH,
		vm.NEG, vm.MOD, vm.XOR, vm.MOV, vm.ARSH, vm.END)
	in.OpCode |= op
	switch op {
	case vm.NEG:
		return in
	case vm.END:
		return g.byteSwap(in)
	case vm.LSH, vm.RSH, vm.ARSH:
		return g.withOperand(in, g.Int64N(width))
	case vm.DIV, vm.MOD:
		if g.opts.CPU >= 4 && g.coin() {
			in.Off = 1
		}
		imm := g.imm()
		if imm == 0 {
			imm = -1
		}
		return g.withOperand(in, imm)
	case vm.MOV:
		return g.move(in)
	}
	return g.withOperand(in, g.imm())
}

func (g *generator) byteSwap(in vm.Instruction) vm.Instruction {
	in.Imm = pick[int64](g, 16, 32, 64)
	in.OpCode = pick(g, vm.LE, vm.BE)
	if g.opts.CPU >= 4 && g.IntN(3) == 0 {
		in.OpCode = vm.BSWAP
	}
	return in
}

func (g *generator) move(in vm.Instruction) vm.Instruction {
	in = g.withOperand(in, g.imm())
	if in.OpCode.Source() == vm.K || g.opts.CPU < 4 || g.coin() {
		return in
	}
	in.Off = pick[int16](g, 8, 16)
	if in.OpCode.Class() == vm.ALU64 && g.IntN(3) == 0 {
		in.Off = 32
	}
	return in
}

// place is where a statement accesses memory: code that makes the base, the base
// and the offset, and code that makes the base a number again.
type place struct {
	before, after []vm.Instruction
	base          vm.Register
	off           int16
}

// place chooses one in the area or in the input. Only the input takes accesses
// that are not aligned: the kernel wants them aligned on the stack.
func (g *generator) place(size int, aligned bool, not ...vm.Register) place {
	if g.IntN(3) == 0 {
		return g.inputPlace(size, aligned, not...)
	}
	off := int16(g.fn.bottom() + size*g.IntN(g.fn.area/size))
	if g.coin() {
		return place{base: vm.R10, off: off}
	}
	p := place{base: g.regBut(not...), off: off}
	p.before = []vm.Instruction{move(p.base, vm.R10)}
	g.displace(&p)
	return p
}

func (g *generator) inputPlace(size int, aligned bool, not ...vm.Register) place {
	off := size * g.IntN(inputSize/size)
	if !aligned {
		off = g.IntN(inputSize - size + 1)
	}
	p := place{base: g.regBut(not...), off: int16(off)}
	p.before = []vm.Instruction{load(vm.DW, p.base, vm.R10, memSlot)}
	g.displace(&p)
	return p
}

// displace moves a part of the offset into the base, and ends the place with the
// base a number.
func (g *generator) displace(p *place) {
	if g.coin() {
		by := pick[int16](g, p.off, 8, -128, 127, 128, 4096, -4096)
		p.before = append(p.before, alu64Imm(vm.ADD, p.base, int64(by)))
		p.off -= by
	}
	p.after = []vm.Instruction{alu64Imm(vm.MOV, p.base, g.imm())}
}

// around is the whole statement.
func (p place) around(access ...vm.Instruction) []vm.Instruction {
	return append(append(append([]vm.Instruction(nil), p.before...), access...), p.after...)
}

func (g *generator) memory() []vm.Instruction {
	size := pick(g, vm.B, vm.H, vm.W, vm.DW)
	p := g.place(size.Bytes(), false)
	other := g.regBut(p.base)
	switch g.IntN(6) {
	case 0:
		return p.around(storeImm(size, p.base, p.off, g.imm()))
	case 1, 2:
		return p.around(store(size, p.base, other, p.off))
	case 3:
		if g.opts.CPU >= 4 && size != vm.DW {
			return p.around(vm.Instruction{OpCode: vm.LDX | vm.MEMSX | size, Dst: other, Src: p.base, Off: p.off})
		}
	case 4:
		return g.loadOverBase(p, size)
	}
	return p.around(load(size, other, p.base, p.off))
}

// loadOverBase ends with the base a number by loading into it.
func (g *generator) loadOverBase(p place, size vm.OpCode) []vm.Instruction {
	if p.base == vm.R10 {
		return p.around(load(size, g.reg(), p.base, p.off))
	}
	p.after = nil
	return p.around(load(size, p.base, p.base, p.off))
}

func (g *generator) atomic() []vm.Instruction {
	size := pick(g, vm.W, vm.DW)
	ops := []int64{vm.AtomicADD}
	if g.opts.CPU >= 3 {
		ops = append(ops, vm.AtomicOR, vm.AtomicAND, vm.AtomicXOR)
	}
	if g.opts.CPU >= 3 && !g.opts.NoFetch {
		ops = append(ops, vm.AtomicADD|vm.FETCH, vm.AtomicOR|vm.FETCH, vm.AtomicAND|vm.FETCH, vm.AtomicXOR|vm.FETCH, vm.XCHG, vm.CMPXCHG, vm.CMPXCHG)
	}
	if g.opts.CPU >= 4 && g.IntN(6) == 0 {
		return g.ordered()
	}
	op := pick(g, ops...)
	if op == vm.CMPXCHG {
		return g.compareExchange(size)
	}
	p := g.place(size.Bytes(), true)
	return p.around(vm.Instruction{OpCode: vm.STX | vm.ATOMIC | size, Dst: p.base, Src: g.regBut(p.base), Off: p.off, Imm: op})
}

// compareExchange succeeds every other time: r0 is then loaded from the place.
func (g *generator) compareExchange(size vm.OpCode) []vm.Instruction {
	p := g.place(size.Bytes(), true, vm.R0)
	access := []vm.Instruction{{OpCode: vm.STX | vm.ATOMIC | size, Dst: p.base, Src: g.regBut(p.base), Off: p.off, Imm: vm.CMPXCHG}}
	if g.coin() {
		access = append([]vm.Instruction{load(size, vm.R0, p.base, p.off)}, access...)
	}
	return p.around(access...)
}

// ordered is a load-acquire or a store-release.
func (g *generator) ordered() []vm.Instruction {
	size := pick(g, vm.B, vm.H, vm.W, vm.DW)
	p := g.place(size.Bytes(), true)
	in := vm.Instruction{OpCode: vm.STX | vm.ATOMIC | size, Off: p.off}
	other := g.regBut(p.base)
	if g.coin() {
		in.Dst, in.Src, in.Imm = other, p.base, vm.LOAD_ACQ
	} else {
		in.Dst, in.Src, in.Imm = p.base, other, vm.STORE_REL
	}
	return p.around(in)
}

// call is of a later function or of the helper.
func (g *generator) call() statement {
	if g.opts.Helper != 0 && g.coin() {
		return statement{code: append([]vm.Instruction{{OpCode: vm.JMP | vm.CALL, Imm: int64(g.opts.Helper)}}, g.renew(vm.R1, vm.R5)...)}
	}
	if g.self+1 >= g.count || g.calls == 0 {
		return statement{code: []vm.Instruction{g.alu()}}
	}
	g.calls--
	return g.callOf(g.self + 1 + g.IntN(g.count-g.self-1))
}

// callOf calls a function; r1 to r5 are numbers again afterwards.
func (g *generator) callOf(callee int) statement {
	s := statement{
		code:   []vm.Instruction{load(vm.DW, vm.R1, vm.R10, memSlot)},
		callee: callee,
		after:  g.renew(vm.R1, vm.R5),
	}
	if !g.opts.Kernel && g.IntN(4) == 0 {
		// Not r1 to r5, which the callee would see as numbers.
		s.indirect, s.through = true, pick(g, vm.R0, vm.R6, vm.R7, vm.R8, vm.R9)
		if s.through != vm.R0 {
			s.after = append(s.after, g.renew(s.through, s.through)...)
		}
	}
	return s
}

// renew loads numbers of the input into the registers from first to last.
func (g *generator) renew(first, last vm.Register) []vm.Instruction {
	var insns []vm.Instruction
	for r := first; r <= last; r++ {
		insns = append(insns,
			load(vm.DW, r, vm.R10, memSlot),
			load(vm.DW, r, r, int16(8*g.IntN(inputSize/8))))
	}
	return insns
}
