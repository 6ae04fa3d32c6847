package vm

import (
	"math"
	"strings"
)

// instruction reads a whole statement.
func (p *parser) instruction() Instruction {
	switch t := p.peek(); t {
	case "exit":
		p.next()
		return Instruction{OpCode: JMP | EXIT}
	case "goto":
		p.next()
		return Instruction{OpCode: JMP | JA, Off: p.distance16()}
	case "may_goto":
		p.next()
		return Instruction{OpCode: MayGoto, Off: p.distance16()}
	case "gotol":
		p.next()
		return Instruction{OpCode: JA32, Imm: p.distance()}
	case "if":
		p.next()
		return p.conditional()
	case "call":
		p.next()
		return p.call()
	case "callx":
		p.next()
		r, _ := p.register()
		return Instruction{OpCode: CALLX, Dst: r}
	case "*":
		return p.store()
	case "lock":
		p.next()
		return p.lock()
	case "store_release":
		p.next()
		return p.storeRelease()
	case ".insn":
		p.next()
		return p.raw()
	}
	return p.assignment()
}

func (p *parser) raw() Instruction {
	var in Instruction
	in.OpCode = OpCode(p.byteField())
	p.expect(",")
	in.Dst = Register(p.byteField())
	p.expect(",")
	in.Src = Register(p.byteField())
	p.expect(",")
	in.Off = p.int16()
	p.expect(",")
	in.Imm = p.number()
	return in
}

func (p *parser) byteField() uint8 {
	v := p.number()
	if v < 0 || v > math.MaxUint8 {
		p.fail("%d does not fit into 8 bits", v)
	}
	return uint8(v)
}

func (p *parser) conditional() Instruction {
	dst, wide := p.register()
	in := Instruction{OpCode: JMP, Dst: dst}
	if !wide {
		in.OpCode = JMP32
	}
	in.OpCode |= p.symbol(jumpSymbol, "", "comparison")
	p.operand(&in, wide)
	p.expect("goto")
	in.Off = p.distance16()
	return in
}

// symbol reads an operation by the text that it is printed as.
func (p *parser) symbol(table map[OpCode]string, suffix, what string) OpCode {
	t := p.next()
	for op, s := range table {
		if s+suffix == t {
			return op
		}
	}
	p.fail("unknown %s %q", what, t)
	return 0
}

// operand reads a register or an immediate as the second operand.
func (p *parser) operand(in *Instruction, wide bool) {
	if _, _, ok := parseRegister(p.peek()); !ok {
		in.Imm = p.immediate(wide)
		return
	}
	src, srcWide := p.register()
	if srcWide != wide {
		p.fail("r and w registers do not mix")
	}
	in.OpCode |= X
	in.Src = src
}

func (p *parser) call() Instruction {
	in := Instruction{OpCode: JMP | CALL}
	switch t := p.peek(); {
	case t == "pc":
		p.next()
		in.Src, in.Imm = PseudoCall, p.number()
	case t == "kfunc":
		p.next()
		in.Src, in.Imm = PseudoKfunc, p.number()
	case isName(t):
		in.Src, in.Imm = PseudoCall, p.distance()
	default:
		in.Imm = p.number()
	}
	return in
}

// sizeOf gives the size bits of u8 to u64 and s8 to s64.
func (p *parser) sizeOf(t string) (size OpCode, signed bool) {
	sizes := map[string]OpCode{"8": B, "16": H, "32": W, "64": DW}
	if t != "" && (t[0] == 'u' || t[0] == 's') {
		if size, ok := sizes[t[1:]]; ok {
			return size, t[0] == 's'
		}
	}
	p.fail("unknown type %q", t)
	return 0, false
}

// pointer reads (u32 *).
func (p *parser) pointer() (size OpCode, signed bool) {
	p.expect("(")
	size, signed = p.sizeOf(p.next())
	p.expect("*", ")")
	return size, signed
}

// address reads r1 + 4.
func (p *parser) address() (base Register, off int16) {
	base, wide := p.register()
	if !wide {
		p.fail("an address is in a 64-bit register")
	}
	if t := p.peek(); t != "+" && t != "-" {
		p.fail("expected + or - and an offset, not %q", t)
	}
	return base, p.int16()
}

// place reads (u32 *)(r1 + 4).
func (p *parser) place() (size OpCode, signed bool, base Register, off int16) {
	size, signed = p.pointer()
	p.expect("(")
	base, off = p.address()
	p.expect(")")
	return size, signed, base, off
}

func (p *parser) store() Instruction {
	p.expect("*")
	size, signed, base, off := p.place()
	if signed {
		p.fail("a store has no sign")
	}
	p.expect("=")
	in := Instruction{OpCode: ST | MEM | size, Dst: base, Off: off}
	if _, _, ok := parseRegister(p.peek()); ok {
		in.OpCode = STX | MEM | size
		in.Src = p.valueRegister(size)
		return in
	}
	in.Imm = p.immediate(size == DW)
	return in
}

// valueRegister reads a register that holds a value of the size: r always, w
// for up to 32 bits.
func (p *parser) valueRegister(size OpCode) Register {
	r, wide := p.register()
	p.fits(size, wide)
	return r
}

func (p *parser) fits(size OpCode, wide bool) {
	if !wide && size == DW {
		p.fail("64 bits do not fit into a w register")
	}
}

func (p *parser) lock() Instruction {
	p.expect("*")
	size, _, base, off := p.place()
	in := Instruction{OpCode: STX | ATOMIC | size, Dst: base, Off: off}
	switch op := p.symbol(aluSymbol, "=", "atomic operation"); op {
	case ADD, OR, AND, XOR:
		in.Imm = int64(op)
	default:
		p.fail("only +=, |=, &= and ^= are atomic")
	}
	in.Src = p.valueRegister(size)
	return in
}

func (p *parser) storeRelease() Instruction {
	p.expect("(")
	size, _, base, off := p.place()
	p.expect(",")
	in := Instruction{OpCode: STX | ATOMIC | size, Dst: base, Off: off, Imm: STORE_REL, Src: p.valueRegister(size)}
	p.expect(")")
	return in
}

func (p *parser) assignment() Instruction {
	dst, wide := p.register()
	in := Instruction{OpCode: ALU64, Dst: dst}
	if !wide {
		in.OpCode = ALU
	}
	if p.accept("=") {
		return p.value(in, wide)
	}
	if t := p.peek(); t == "s/=" || t == "s%=" {
		in.Off = 1
		p.tokens[0] = strings.TrimPrefix(t, "s")
	}
	in.OpCode |= p.symbol(aluSymbol, "=", "operation")
	p.operand(&in, wide)
	return in
}
