package x86

// vector reads an instruction encoded with VEX (c5, c4), EVEX (62) or XOP
// (8f). A prefix they replace must not stand before them.
func (d *decoder) vector(first uint8) {
	in := &d.in
	if in.OpSize || in.Rep || in.Repne || in.Lock || d.rex != 0 {
		d.fail(ErrInvalid)
	}
	switch first {
	case 0xc5:
		d.vex2()
	case 0xc4:
		in.Enc = VEX
		d.vex3()
	case 0x8f:
		in.Enc = XOP
		d.vex3()
	case 0x62:
		d.evex()
	}
	in.Op = d.next()
	d.operands(d.vectorShape())
}

// vex2 reads the payload  R vvvv L pp.
func (d *decoder) vex2() {
	p := d.next()
	d.in.Enc, d.in.Map = VEX, Map0F
	d.in.Rex = ^p >> 7 * RexR
	d.pp(p)
}

// vex3 reads the payload  R X B mmmmm | W vvvv L pp, also XOP's.
func (d *decoder) vex3() {
	p0, p1 := d.next(), d.next()
	d.in.Map = p0 & 0x1f
	d.in.Rex = ^p0>>5 | p1>>7*RexW
	d.pp(p1)
}

// evex reads the payload  R X B R' 0 mmm | W vvvv 1 pp | z L'L b V' aaa.
// APX gives the two fixed bits a meaning.
func (d *decoder) evex() {
	p0, p1 := d.next(), d.next()
	d.next()
	if p0&0x08 != 0 || p1&0x04 == 0 {
		d.fail(ErrUnsupported)
	}
	d.in.Enc, d.in.Map = EVEX, p0&7
	d.in.Rex = ^p0>>5 | p1>>7*RexW
	d.rHigh = ^p0 & 0x10
	d.xHigh = ^p0 >> 6 & 1 * 16
	d.pp(p1)
}

// pp sets the prefix that the lowest two bits stand for.
func (d *decoder) pp(p uint8) {
	d.in.OpSize = p&3 == 1
	d.in.Rep = p&3 == 2
	d.in.Repne = p&3 == 3
}

// vectorShape tells what follows the opcode.
func (d *decoder) vectorShape() byte {
	in := &d.in
	switch {
	case in.Enc == XOP && in.Map == 8:
		return shapeModRMImm8
	case in.Enc == XOP && in.Map == 9:
		return shapeModRM
	case in.Enc == XOP && in.Map == 10:
		return shapeModRMImm32
	case in.Enc == XOP:
		return shapeInvalid
	case in.Map == Map0F:
		return d.vector0FShape()
	case in.Map == Map0F38:
		return shapeModRM
	case in.Map == Map0F3A:
		return shapeModRMImm8
	case in.Enc == EVEX && (in.Map == 5 || in.Map == 6):
		return shapeModRM
	case in.Map != 0: // EVEX 4 is APX; 7 has MSR instructions with an imm32
		d.fail(ErrUnsupported)
	}
	return shapeInvalid
}

// vector0FShape: as in the legacy map, a few opcodes have an immediate, and
// vzeroupper and vzeroall have no ModRM.
func (d *decoder) vector0FShape() byte {
	switch op := d.in.Op; {
	case op == 0x77 && d.in.Enc == VEX:
		return shapeNone
	case op >= 0x70 && op <= 0x73, op == 0xc2, op >= 0xc4 && op <= 0xc6:
		return shapeModRMImm8
	}
	return shapeModRM
}

// isVSIB tells whether the index of the memory operand is a vector: gathers,
// and in EVEX scatters and their prefetches.
func (d *decoder) isVSIB() bool {
	in := &d.in
	if in.Map != Map0F38 || in.Enc != VEX && in.Enc != EVEX {
		return false
	}
	switch op := in.Op; {
	case op >= 0x90 && op <= 0x93:
		return true
	case op >= 0xa0 && op <= 0xa3, op == 0xc6, op == 0xc7:
		return in.Enc == EVEX
	}
	return false
}
