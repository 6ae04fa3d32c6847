package x86

import "errors"

var (
	// ErrTruncated: the bytes end inside the instruction.
	ErrTruncated = errors.New("x86: the code ends inside an instruction")
	// ErrInvalid: no processor executes this in 64-bit mode.
	ErrInvalid = errors.New("x86: not an instruction in 64-bit mode")
	// ErrUnsupported: APX (REX2, EVEX map 4, extended EVEX), which no decoder
	// here knows; or a near branch with prefix 66, on whose length and target
	// Intel and AMD disagree.
	ErrUnsupported = errors.New("x86: APX, or a near branch with prefix 66, which processors disagree on")
)

// maxLen is the architecture's limit for one instruction.
const maxLen = 15

// Decode reads the instruction at the start of b. The error is one of
// ErrTruncated, ErrInvalid and ErrUnsupported.
//
// Nonsense that has a well-defined length is mostly let through (an undefined
// opcode of a map whose opcodes all look alike, a lock prefix on a load): the
// processor refuses it wherever it stands.
func Decode(b []byte) (Inst, error) {
	d := decoder{b: b[:min(len(b), maxLen)]}
	d.in.Mem = Mem{Base: NoReg, Index: NoReg}
	d.prefixes()
	d.opcode()
	if d.err == ErrTruncated && len(b) >= maxLen {
		d.err = ErrInvalid // it would be longer than the limit
	}
	if d.err != nil {
		return Inst{}, d.err
	}
	d.in.Len = d.at
	return d.in, nil
}

// decoder reads forward. The first error sticks; what is read after it is
// zeros and is thrown away, so no step needs to check.
type decoder struct {
	b   []byte
	at  int
	rex uint8 // the REX prefix if it stands directly before the opcode, else 0
	seg Segment
	in  Inst
	err error

	rHigh, xHigh uint8 // EVEX: 16 when R' extends ModRM.reg, X extends ModRM.rm
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) peek() uint8 {
	if d.at >= len(d.b) {
		d.fail(ErrTruncated)
		return 0
	}
	return d.b[d.at]
}

func (d *decoder) next() uint8 {
	c := d.peek()
	d.at++
	return c
}

// field takes the next n bytes as one part of the instruction.
func (d *decoder) field(n uint8) Field {
	if n == 0 {
		return Field{}
	}
	f := Field{uint8(d.at), n}
	if d.at += int(n); d.at > len(d.b) {
		d.fail(ErrTruncated)
	}
	return f
}

// prefixes reads legacy prefixes and REX. A REX that another prefix follows
// has no effect.
func (d *decoder) prefixes() {
	for d.err == nil {
		c := d.peek()
		switch {
		case c&0xf0 == 0x40:
			d.rex = c
		case d.legacyPrefix(c):
			d.rex = 0
		default:
			d.in.Rex = d.rex & 0x0f
			return
		}
		d.at++
	}
}

// legacyPrefix records c, and tells whether it is a prefix at all.
func (d *decoder) legacyPrefix(c uint8) bool {
	in := &d.in
	switch c {
	case 0x66:
		in.OpSize = true
	case 0x67:
		in.AddrSize = true
	case 0xf0:
		in.Lock = true
	case 0xf2:
		in.Repne, in.Rep = true, false
	case 0xf3:
		in.Rep, in.Repne = true, false
	case 0x64:
		d.seg = FS
	case 0x65:
		d.seg = GS
	case 0x26, 0x2e, 0x36, 0x3e: // no effect but as hint or notrack
	default:
		return false
	}
	return true
}

// opcode reads everything behind the prefixes.
func (d *decoder) opcode() {
	switch op := d.next(); op {
	case 0x0f:
		d.escape()
	case 0xc4, 0xc5, 0x62:
		d.vector(op)
	case 0xd5:
		d.fail(ErrUnsupported) // REX2
	case 0x8f:
		if d.peek()&0x1f >= 8 {
			d.vector(op)
			return
		}
		d.legacy(MapOneByte, op)
	default:
		d.legacy(MapOneByte, op)
	}
}

// escape reads the opcode behind 0f.
func (d *decoder) escape() {
	switch op := d.next(); op {
	case 0x38:
		d.legacy(Map0F38, d.next())
	case 0x3a:
		d.legacy(Map0F3A, d.next())
	default:
		d.legacy(Map0F, op)
	}
}

// legacy reads the operands of an instruction without VEX, EVEX or XOP.
func (d *decoder) legacy(m, op uint8) {
	d.in.Map, d.in.Op = m, op
	switch m {
	case MapOneByte:
		d.operands(oneByteShapes[op])
	case Map0F:
		d.operands(twoByteShapes[op])
	case Map0F38:
		d.operands(shapeModRM)
	case Map0F3A:
		d.operands(shapeModRMImm8)
	}
	d.checkGroup()
	if d.in.isNearIndirect() {
		d.refuseOpSize()
	}
}

// refuseOpSize refuses prefix 66 on a near branch; REX.W overrides it.
func (d *decoder) refuseOpSize() {
	if d.in.OpSize && !d.in.hasW() {
		d.fail(ErrUnsupported)
	}
}

// checkGroup refuses the undefined members of opcodes that ModRM.reg
// completes, and turns the operand of xbegin into what it is, a branch.
func (d *decoder) checkGroup() {
	in := &d.in
	if in.Map != MapOneByte {
		return
	}
	bad := false
	switch in.Op {
	case 0x8f:
		bad = in.digit() != 0
	case 0xc6, 0xc7: // mov, and with ModRM f8 xabort, xbegin
		tsx := in.digit() == 7 && !in.HasMem && in.RM&7 == 0
		bad = in.digit() != 0 && !tsx
		if tsx && in.Op == 0xc7 {
			in.Rel, in.Imm = in.Imm, Field{}
			d.refuseOpSize()
		}
	case 0xfe:
		bad = in.digit() > 1
	case 0xff:
		far := in.digit() == 3 || in.digit() == 5
		bad = in.digit() == 7 || far && !in.HasMem
	}
	if bad {
		d.fail(ErrInvalid)
	}
}

// operands reads what follows the opcode; see the shapes in decode_table.go.
func (d *decoder) operands(shape byte) {
	in := &d.in
	switch shape {
	case shapeNone:
	case shapeModRM:
		d.modrm()
	case shapeModRMReg:
		d.modrmReg()
	case shapeModRMImm8:
		d.modrm()
		in.Imm = d.field(1)
	case shapeModRMImmZ:
		d.modrm()
		in.Imm = d.field(d.immZ())
	case shapeModRMImm32:
		d.modrm()
		in.Imm = d.field(4)
	case shapeImm8:
		in.Imm = d.field(1)
	case shapeImm16:
		in.Imm = d.field(2)
	case shapeEnter:
		in.Imm = d.field(3)
	case shapeImmZ:
		in.Imm = d.field(d.immZ())
	case shapeImmV:
		in.Imm = d.field(d.immV())
	case shapeMoffs:
		in.Imm = d.field(d.addressLen())
	case shapeRel8:
		in.Rel = d.rel(1)
	case shapeRel32:
		in.Rel = d.rel(4)
	case shapeGroup3:
		d.group3()
	case shapeExtrq:
		d.extrq()
	default:
		d.fail(ErrInvalid)
	}
}

// rel is the field of a direct branch. It is refused before its length, which
// is in doubt, can make it look cut off.
func (d *decoder) rel(n uint8) Field {
	d.refuseOpSize()
	return d.field(n)
}

// immZ is the length of an immediate that grows to 32 bits and no further.
func (d *decoder) immZ() uint8 {
	if d.in.OpSize && !d.in.hasW() {
		return 2
	}
	return 4
}

// immV is the length of the one immediate that grows to 64 bits, mov r64's.
func (d *decoder) immV() uint8 {
	if d.in.hasW() {
		return 8
	}
	return d.immZ()
}

func (d *decoder) addressLen() uint8 {
	if d.in.AddrSize {
		return 4
	}
	return 8
}

// group3 is f6 and f7: test has an immediate, not, neg, mul and div have none.
func (d *decoder) group3() {
	d.modrm()
	if d.in.digit() > 1 {
		return
	}
	n := uint8(1)
	if d.in.Op == 0xf7 {
		n = d.immZ()
	}
	d.in.Imm = d.field(n)
}

// extrq is 0f 78: SSE4a's extrq and insertq have two bytes behind ModRM where
// vmread, without a prefix, has none.
func (d *decoder) extrq() {
	d.modrm()
	if d.in.OpSize || d.in.Repne {
		d.in.Imm = d.field(2)
	}
}
