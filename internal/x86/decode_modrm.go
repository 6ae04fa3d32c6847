package x86

import "encoding/binary"

// modrm reads ModRM, and SIB and displacement if it asks for them.
func (d *decoder) modrm() {
	in := &d.in
	m := d.peek()
	mod, rm := m>>6, m&7
	if mod == 3 {
		d.modrmReg()
		return
	}
	in.ModRM = d.field(1)
	in.Reg = d.regField(m)
	in.HasMem = true
	in.Mem.Seg = d.seg
	in.VSIB = d.isVSIB()
	d.memory(mod, rm)
}

// modrmReg reads a ModRM whose rm is a register whatever mod says: the moves
// to and from control and debug registers ignore mod.
func (d *decoder) modrmReg() {
	in := &d.in
	m := d.peek()
	in.ModRM = d.field(1)
	in.Reg = d.regField(m)
	in.RM = d.extend(m&7, RexB) | d.xHigh
	if d.isVSIB() {
		d.fail(ErrInvalid)
	}
}

// extend adds a REX bit to a three-bit register number.
func (d *decoder) extend(n, rex uint8) uint8 {
	if d.in.Rex&rex != 0 {
		n |= 8
	}
	return n
}

func (d *decoder) regField(m uint8) uint8 { return d.extend(m>>3&7, RexR) | d.rHigh }

// memory reads the operand behind a ModRM with mod < 3.
func (d *decoder) memory(mod, rm uint8) {
	in := &d.in
	dispLen := [3]uint8{0, 1, 4}[mod]
	switch {
	case rm == 4:
		dispLen = d.sib(mod, dispLen)
	case in.VSIB:
		d.fail(ErrInvalid) // only a SIB byte names the index
	case mod == 0 && rm == 5:
		in.Mem.Base, dispLen = RIP, 4
	default:
		in.Mem.Base = Reg(d.extend(rm, RexB))
	}
	in.Disp = d.field(dispLen)
	in.Mem.Disp = d.disp()
	in.Compressed = in.Enc == EVEX && dispLen == 1
}

// sib reads the SIB byte and returns the length of the displacement: base 5
// without one means none but disp32, with or without REX.B.
func (d *decoder) sib(mod, dispLen uint8) uint8 {
	mem, vsib := &d.in.Mem, d.in.VSIB
	s := d.next()
	if base := s & 7; mod == 0 && base == 5 {
		dispLen = 4
	} else {
		mem.Base = Reg(d.extend(base, RexB))
	}
	index := Reg(d.extend(s>>3&7, RexX))
	if !vsib && index == RSP {
		return dispLen
	}
	mem.Scale = 1 << (s >> 6)
	if !vsib {
		mem.Index = index
	}
	return dispLen
}

// disp is the value of the displacement, sign-extended.
func (d *decoder) disp() int32 {
	if d.err != nil {
		return 0
	}
	return int32(signed(d.b, d.in.Disp))
}

// signed is the sign-extended value of a field of b.
func signed(b []byte, f Field) int64 {
	b = b[f.Off:]
	switch f.Len {
	case 1:
		return int64(int8(b[0]))
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case 8:
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}
