package x86

import (
	"encoding/binary"
	"math"
)

// field is where an instruction names a place that is known later.
type field struct {
	kind  RefKind // 0: none
	at    int     // offset of the four or eight bytes from the instruction's start
	label Label
	sym   Symbol
	add   int64 // rel32: counted from the field itself
}

// append encodes the instruction after b:
//
//	| segment | 66 | lock | REX | 0F … | opcode | ModRM | SIB | disp | imm |
//
// or, with VEX, which holds 66/F2/F3, REX and the map,
//
//	| segment | VEX | opcode | ModRM | SIB | disp | imm |
func (in *Instr) append(b []byte) ([]byte, field, error) {
	f, err := in.form()
	if err != nil {
		return b, field{}, err
	}
	if in.op == opNop {
		return append(b, nops[in.imm]...), field{}, nil
	}
	if f.raw != "" {
		return append(b, f.raw...), field{}, nil
	}
	start := len(b)
	if in.mem.Seg != DS {
		b = append(b, [...]byte{FS: 0x64, GS: 0x65}[in.mem.Seg])
	}
	b = in.appendPrefixes(b, f)
	b = append(b, in.opcode(f))
	var ref field
	if in.hasModRM(f) {
		b, ref = in.appendModRM(b, f, start)
	}
	b, ref = in.appendImm(b, f, start, ref)
	if ref.kind == RefRel32 {
		ref.add -= int64(len(b) - start - ref.at) // rel32 counts from the end
	}
	return b, ref, nil
}

func (in *Instr) opcode(f *form) byte {
	op := f.op
	if f.w == wAll && in.width == W8 {
		op &^= 1
	}
	if f.flags&withCC != 0 {
		op += byte(in.cond)
	}
	if i := f.find(roleZ); i >= 0 {
		op += byte(in.regs[i] & 7)
	}
	return op
}

// find is the operand with the role r, or -1.
func (f *form) find(r role) int {
	for i, a := range f.args {
		if a == r {
			return i
		}
	}
	return -1
}

func (in *Instr) hasModRM(f *form) bool {
	return f.digit != noDigit || f.find(roleG) >= 0
}

// rm is the operand in ModRM.rm, or -1.
func (f *form) rm() int {
	if i := f.find(roleE); i >= 0 {
		return i
	}
	return f.find(roleM)
}

// rex is the REX prefix, 0 if none is needed.
func (in *Instr) rex(f *form) byte {
	var rex byte
	if in.width == W64 && f.flags&any64 == 0 {
		rex |= 0x48
	}
	for i, a := range f.args {
		switch {
		case a == roleG:
			rex |= rexBit(in.regs[i], 0x44)
		case (a == roleE || a == roleZ) && in.kinds[i] == isReg:
			rex |= rexBit(in.regs[i], 0x41)
		case a == roleE, a == roleM:
			rex |= rexBit(in.mem.Base, 0x41)
			if in.mem.Scale != 0 {
				rex |= rexBit(in.mem.Index, 0x42)
			}
		}
		// SPL, BPL, SIL and DIL are AH, CH, DH and BH without REX.
		if in.isByte(f, i) && in.regs[i] >= RSP && in.regs[i] <= RDI {
			rex |= 0x40
		}
	}
	return rex
}

func rexBit(r Reg, bit byte) byte {
	if r >= R8 && r <= R15 {
		return bit
	}
	return 0
}

// isByte reports whether operand i is a byte register that is encoded.
func (in *Instr) isByte(f *form, i int) bool {
	a := f.args[i]
	if in.kinds[i] != isReg || a == roleC || a == roleA {
		return false
	}
	return in.width == W8 || a == roleE && f.flags&from8 != 0
}

func (in *Instr) appendPrefixes(b []byte, f *form) []byte {
	if f.flags&vex != 0 {
		return in.appendVEX(b, f)
	}
	if in.width == W16 && f.flags&any64 == 0 {
		b = append(b, 0x66)
	}
	if in.lock {
		b = append(b, 0xf0)
	}
	if rex := in.rex(f); rex != 0 {
		b = append(b, rex)
	}
	switch f.omap {
	case map0F:
		b = append(b, 0x0f)
	case map0F38:
		b = append(b, 0x0f, 0x38)
	}
	return b
}

// appendVEX encodes the three-byte form (SDM volume 2, 2.3.5); all users live
// in the maps 0F38 and 0F3A, for which there is no other:
//
//	| C4 | ~R ~X ~B map 5 | W ~vvvv 4 L pp 2 |
func (in *Instr) appendVEX(b []byte, f *form) []byte {
	rex := in.rex(f)
	var v byte
	if i := f.find(roleV); i >= 0 {
		v = byte(in.regs[i])
	}
	return append(b, 0xc4, ^rex<<5&0xe0|f.omap, rex&8<<4|^v<<3&0x78|f.pp)
}

// appendModRM encodes the operand in ModRM.rm beside the register or digit in
// ModRM.reg.
func (in *Instr) appendModRM(b []byte, f *form, start int) ([]byte, field) {
	reg := f.digit
	if reg == noDigit {
		reg = byte(in.regs[f.find(roleG)])
	}
	reg = reg & 7 << 3
	i := f.rm()
	if in.kinds[i] == isReg {
		return append(b, 0xc0|reg|byte(in.regs[i]&7)), field{}
	}
	if in.mem.Base == RIP {
		ref := field{at: len(b) + 1 - start, label: in.mem.Label, sym: in.mem.Symbol, add: int64(in.mem.Disp)}
		if ref.label != 0 || ref.sym != 0 {
			ref.kind = RefRel32
		}
		return appendDisp32(append(b, reg|5), in.mem.Disp), ref
	}
	return appendMem(b, reg, &in.mem), field{}
}

// appendMem encodes [base + index*scale + disp] (SDM volume 2, tables 2-2 and
// 2-3). Two numbers are taken: rm 4 (RSP, R12) announces a SIB byte, and base 5
// (RBP, R13) without a displacement means disp32 alone, so that those get a
// displacement of 0.
func appendMem(b []byte, reg byte, m *Mem) []byte {
	if m.Base == NoReg {
		return appendDisp32(append(b, reg|4, sib(m, 5)), m.Disp)
	}
	base := byte(m.Base & 7)
	mod := dispMod(base, m.Disp)
	if m.Scale != 0 || base == 4 {
		b = append(b, mod|reg|4, sib(m, base))
	} else {
		b = append(b, mod|reg|base)
	}
	switch mod {
	case 0x40:
		return append(b, byte(m.Disp))
	case 0x80:
		return appendDisp32(b, m.Disp)
	}
	return b
}

func dispMod(base byte, disp int32) byte {
	switch {
	case disp == 0 && base != 5:
		return 0
	case disp == int32(int8(disp)):
		return 0x40
	}
	return 0x80
}

func sib(m *Mem, base byte) byte {
	if m.Scale == 0 {
		return 0x20 | base // index 4: none
	}
	scale := [9]byte{1: 0, 2: 1, 4: 2, 8: 3}[m.Scale]
	return scale<<6 | byte(m.Index&7)<<3 | base
}

func appendDisp32(b []byte, d int32) []byte {
	return binary.LittleEndian.AppendUint32(b, uint32(d))
}

// appendImm encodes the immediate or branch target.
func (in *Instr) appendImm(b []byte, f *form, start int, ref field) ([]byte, field) {
	for _, a := range f.args {
		switch a {
		case roleIb, roleIu:
			b = append(b, byte(in.imm))
		case roleIz:
			b = appendIz(b, in.width, in.imm)
		case roleIv:
			if in.sym != 0 {
				ref = field{kind: RefAbs64, at: len(b) - start, sym: in.sym, add: in.imm}
			}
			b = binary.LittleEndian.AppendUint64(b, uint64(in.imm))
		case roleJz:
			ref = field{kind: RefRel32, at: len(b) - start, label: in.label, sym: in.sym}
			b = appendDisp32(b, 0)
		}
	}
	return b, ref
}

func appendIz(b []byte, w Width, imm int64) []byte {
	switch w {
	case W8:
		return append(b, byte(imm))
	case W16:
		return binary.LittleEndian.AppendUint16(b, uint16(imm))
	}
	return binary.LittleEndian.AppendUint32(b, uint32(imm))
}

// form picks the row the instruction is encoded by.
func (in *Instr) form() (*form, error) {
	if in.op == 0 || in.op >= numMnemonics {
		return nil, in.invalid("unknown operation")
	}
	if in.hasMem() {
		if why := in.mem.check(); why != "" {
			return nil, in.invalid(why)
		}
	}
	if in.op == opNop && (in.imm < 1 || in.imm >= int64(len(nops))) {
		return nil, in.invalid("a nop has 1 to 9 bytes")
	}
	for i := range forms[in.op] {
		if f := &forms[in.op][i]; in.matches(f) {
			return f, in.checkLock(f)
		}
	}
	return nil, in.invalid("operands do not go together, or an immediate is too wide")
}

func (in *Instr) hasMem() bool {
	return in.kinds[0] == isMem || in.kinds[1] == isMem
}

func (in *Instr) checkLock(f *form) error {
	if in.lock && (f.flags&canLock == 0 || in.kinds[0] != isMem) {
		return in.invalid("lock needs a read-modify-write of memory")
	}
	return nil
}

// check names what is wrong with a memory operand.
func (m *Mem) check() string {
	switch {
	case m.Base > RIP && m.Base != NoReg, m.Seg > GS:
		return "unknown register"
	case m.Base != RIP && (m.Label != 0 || m.Symbol != 0):
		return "a label or symbol is addressed through rip"
	case m.Scale == 0:
		return ""
	case m.Base == RIP:
		return "rip takes no index"
	case m.Index == RSP || m.Index > R15:
		return "no index register"
	case m.Scale > 8 || m.Scale&(m.Scale-1) != 0:
		return "scale is not 1, 2, 4 or 8"
	}
	return ""
}

func (in *Instr) matches(f *form) bool {
	if in.width&f.w == 0 || in.width&(in.width-1) != 0 || !in.fromMatches(f) {
		return false
	}
	if in.op == opNop {
		return true
	}
	for i, a := range f.args {
		if !in.fits(i, a) {
			return false
		}
	}
	return true
}

func (in *Instr) fromMatches(f *form) bool {
	switch in.from {
	case 0:
		return true
	case W8:
		return f.flags&from8 != 0
	case W16:
		return f.flags&from16 != 0
	case W32:
		return f.flags&from32 != 0
	}
	return false
}

// fits reports whether operand i can play the role a.
func (in *Instr) fits(i int, a role) bool {
	switch k := in.kinds[i]; k {
	case none:
		return a == 0
	case isReg:
		return in.regs[i] <= R15 && regFits(in.regs[i], a)
	case isMem:
		return a == roleE || a == roleM
	case isTarget:
		return a == roleJz
	default:
		return in.immFits(a)
	}
}

func regFits(r Reg, a role) bool {
	switch a {
	case roleE, roleG, roleZ, roleV:
		return true
	case roleA:
		return r == RAX
	case roleC:
		return r == RCX
	}
	return false
}

// immFits compares at the operand's width, where 0xffffffff is -1.
func (in *Instr) immFits(a role) bool {
	v := wrap(in.width, in.imm)
	switch a {
	case roleI1:
		return in.imm == 1
	case roleIu:
		return in.imm >= 0 && in.imm <= math.MaxUint8
	case roleIb:
		return v == int64(int8(v))
	case roleIz:
		return v == truncate(in.width, v)
	case roleIv:
		return true
	}
	return false
}

// wrap sign-extends an immediate that was written unsigned.
func wrap(w Width, v int64) int64 {
	if v >= 0 && w < W64 && v>>(8*w) == 0 {
		return truncate(w, v)
	}
	return v
}

// truncate keeps what an immediate of width w can hold, at most 32 bits.
func truncate(w Width, v int64) int64 {
	switch w {
	case W8:
		return int64(int8(v))
	case W16:
		return int64(int16(v))
	}
	return int64(int32(v))
}
