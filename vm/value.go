package vm

import (
	"math"
	"strings"
)

// value reads what stands right of "=". in has the class and the destination.
func (p *parser) value(in Instruction, wide bool) Instruction {
	t := p.peek()
	switch {
	case t == "*":
		return p.load(in, wide)
	case t == "(":
		return p.signExtend(in, wide)
	case t == "map":
		return p.mapRef(in)
	case t == "subprog":
		return p.funcRef(in)
	case t == "addr_space_cast":
		return p.cast(in, wide)
	case t == "load_acquire":
		return p.loadAcquire(in, wide)
	case strings.HasPrefix(t, "atomic_fetch_"):
		return p.fetch(in, wide)
	case strings.HasPrefix(t, "xchg"), strings.HasPrefix(t, "cmpxchg"):
		return p.exchange(in, wide)
	case strings.HasPrefix(t, "bswap"), strings.HasPrefix(t, "be"), strings.HasPrefix(t, "le"):
		return p.byteSwap(in, wide)
	case t == "-":
		if len(p.tokens) > 1 {
			if _, _, ok := parseRegister(p.tokens[1]); ok {
				return p.negate(in)
			}
		}
	}
	return p.move(in, wide)
}

// move reads a register, an immediate, or a 64-bit constant with ll after it.
func (p *parser) move(in Instruction, wide bool) Instruction {
	in.OpCode |= MOV
	p.operand(&in, wide)
	if in.OpCode.Source() == K && p.accept("ll") {
		if !wide {
			p.fail("a 64-bit constant does not fit into a w register")
		}
		in.OpCode = LDDW
	}
	return in
}

func (p *parser) negate(in Instruction) Instruction {
	p.expect("-")
	p.sameRegister(in.Dst, "a register is negated in place")
	in.OpCode |= NEG
	return in
}

func (p *parser) signExtend(in Instruction, wide bool) Instruction {
	widths := map[string]int16{"s8": 8, "s16": 16, "s32": 32}
	p.expect("(")
	t := p.next()
	if in.Off = widths[t]; in.Off == 0 {
		p.fail("a move sign-extends from s8, s16 or s32, not %q", t)
	}
	p.expect(")")
	src, srcWide := p.register()
	if srcWide != wide {
		p.fail("r and w registers do not mix")
	}
	in.OpCode |= MOV | X
	in.Src = src
	return in
}

// cast reads addr_space_cast(r1, 0x0, 0x1): to address space 0, from 1.
func (p *parser) cast(in Instruction, wide bool) Instruction {
	p.expect("addr_space_cast", "(")
	src, srcWide := p.register()
	if !wide || !srcWide {
		p.fail("addresses are in r registers")
	}
	p.expect(",")
	to := p.number()
	p.expect(",")
	from := p.number()
	p.expect(")")
	if to|from < 0 || to > math.MaxInt16 || from > math.MaxUint16 {
		p.fail("address spaces have 16 bits, not %d and %d", to, from)
	}
	in.OpCode |= MOV | X
	in.Src, in.Off, in.Imm = src, AddrSpaceCast, to<<16|from
	return in
}

func (p *parser) byteSwap(in Instruction, wide bool) Instruction {
	t := p.next()
	name := strings.TrimRight(t, "0123456789")
	swaps := map[string]OpCode{"bswap": BSWAP, "be": BE, "le": LE}
	widths := map[string]int64{"16": 16, "32": 32, "64": 64}
	op, known := swaps[name]
	in.OpCode, in.Imm = op, widths[strings.TrimPrefix(t, name)]
	if !known || in.Imm == 0 || !wide {
		p.fail("unknown operation %q", t)
	}
	p.sameRegister(in.Dst, "bytes are swapped in place")
	return in
}

func (p *parser) load(in Instruction, wide bool) Instruction {
	p.expect("*")
	size, signed, base, off := p.place()
	in = Instruction{OpCode: LDX | MEM | size, Dst: in.Dst, Src: base, Off: off}
	if signed {
		in.OpCode = LDX | MEMSX | size
	}
	p.fits(size, wide)
	if !wide && signed {
		p.fail("a sign-extending load fills 64 bits")
	}
	return in
}

func (p *parser) mapRef(in Instruction) Instruction {
	p.expect("map", "[")
	in = Instruction{OpCode: LDDW, Dst: in.Dst, Src: PseudoMapFD, Imm: int64(uint32(p.number()))}
	p.expect("]")
	if p.accept("[") {
		p.expect("0", "]")
		in.Src = PseudoMapValue
		in.Imm |= p.number() << 32
	}
	return in
}

func (p *parser) funcRef(in Instruction) Instruction {
	p.expect("subprog", "[")
	in = Instruction{OpCode: LDDW, Dst: in.Dst, Src: PseudoFunc, Imm: int64(uint32(p.distance()))}
	p.expect("]")
	return in
}

func (p *parser) loadAcquire(in Instruction, wide bool) Instruction {
	p.expect("load_acquire", "(")
	size, _, base, off := p.place()
	p.fits(size, wide)
	p.expect(")")
	return Instruction{OpCode: STX | ATOMIC | size, Dst: in.Dst, Src: base, Off: off, Imm: LOAD_ACQ}
}

func (p *parser) fetch(in Instruction, wide bool) Instruction {
	t := p.next()
	name := strings.TrimPrefix(t, "atomic_fetch_")
	p.expect("(")
	size, _, base, off := p.place()
	p.fits(size, wide)
	p.expect(",")
	p.sameRegister(in.Dst, "the old value goes to the register that held the operand")
	p.expect(")")
	for imm, n := range fetchName {
		if n == name {
			return Instruction{OpCode: STX | ATOMIC | size, Dst: base, Src: in.Dst, Off: off, Imm: imm}
		}
	}
	p.fail("unknown operation %q", t)
	return in
}

func (p *parser) exchange(in Instruction, wide bool) Instruction {
	forms := map[string]Instruction{
		"xchg_64":      {OpCode: STX | ATOMIC | DW, Imm: XCHG},
		"xchg32_32":    {OpCode: STX | ATOMIC | W, Imm: XCHG},
		"cmpxchg_64":   {OpCode: STX | ATOMIC | DW, Imm: CMPXCHG},
		"cmpxchg32_32": {OpCode: STX | ATOMIC | W, Imm: CMPXCHG},
	}
	t := p.next()
	out, ok := forms[t]
	if !ok {
		p.fail("unknown operation %q", t)
	}
	p.fits(out.OpCode.Size(), wide)
	p.expect("(")
	out.Dst, out.Off = p.address()
	p.expect(",")
	if out.Imm == CMPXCHG {
		if in.Dst != R0 {
			p.fail("the old value goes to r0")
		}
		p.sameRegister(R0, "the expected value is in r0")
		p.expect(",")
		out.Src = p.valueRegister(out.OpCode.Size())
	} else {
		p.sameRegister(in.Dst, "the old value goes to the register that held the new one")
		out.Src = in.Dst
	}
	p.expect(")")
	return out
}
