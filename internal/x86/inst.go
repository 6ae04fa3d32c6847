package x86

// Encoding is the family an instruction is encoded in.
type Encoding uint8

const (
	Legacy Encoding = iota // includes 3DNow!: map 1, opcode 0x0f, the suffix is Imm
	VEX
	EVEX
	XOP
)

// Opcode maps, as VEX and EVEX number them. EVEX adds 5 and 6 (FP16), XOP has
// 8, 9 and 10.
const (
	MapOneByte uint8 = 0
	Map0F      uint8 = 1
	Map0F38    uint8 = 2
	Map0F3A    uint8 = 3
)

// Bits of [Inst.Rex].
const (
	RexB uint8 = 1 << iota // extends ModRM.rm, SIB.base or the opcode's register
	RexX                   // extends SIB.index
	RexR                   // extends ModRM.reg
	RexW                   // 64-bit operand, or VEX.W
)

// Field locates a part of an instruction: offset and length in bytes. Len 0
// means that the instruction has no such part.
type Field struct{ Off, Len uint8 }

// Inst is a decoded instruction. It holds no pointers; offsets are into the
// bytes given to Decode.
type Inst struct {
	Len  int // 1 to 15
	Enc  Encoding
	Map  uint8
	Op   uint8 // last opcode byte
	Rex  uint8 // RexW|RexR|RexX|RexB, also from VEX, EVEX and XOP (not inverted)
	Lock bool

	// Prefixes 66, F3 and F2; with VEX, EVEX and XOP what their pp field
	// stands for. Of F3 and F2 only the last counts.
	OpSize, Rep, Repne bool
	AddrSize           bool // prefix 67: 32-bit addresses

	ModRM, Disp, Imm Field
	Rel              Field // displacement of a direct branch

	Reg uint8 // ModRM.reg with its extension: register number, or &7 the opcode's digit
	RM  uint8 // ModRM.rm with its extension when it names a register, else 0

	// Mem is the memory operand that ModRM gives, if HasMem; else its Base and
	// Index are NoReg. Operands that are implied (push, movs) or absolute
	// (movabs moffs64) are not reported. Segments other than FS and GS have no
	// effect in 64-bit mode.
	HasMem bool
	Mem    Mem
	VSIB   bool // the index is a vector register: Mem.Scale counts, Mem.Index is NoReg

	// Compressed says that Mem.Disp is an EVEX disp8, in units of the operand's
	// size: the displacement is Mem.Disp times an unknown N, 1 <= N <= 64.
	Compressed bool
}

// digit is the /n of an opcode that ModRM.reg completes.
func (in Inst) digit() uint8 { return in.Reg & 7 }

// hasW tells whether the operand is 64-bit by REX.W or VEX.W.
func (in Inst) hasW() bool { return in.Rex&RexW != 0 }

// is tells whether in is the legacy instruction op of map m.
func (in Inst) is(m, op uint8) bool { return in.Enc == Legacy && in.Map == m && in.Op == op }

// RIPRelative tells whether the memory operand is relative to the instruction.
func (in Inst) RIPRelative() bool { return in.HasMem && in.Mem.Base == RIP }

// RIPTarget is the address of a RIP-relative operand of the instruction at addr.
// It is false for everything else.
func (in Inst) RIPTarget(addr uint64) (uint64, bool) {
	if !in.RIPRelative() {
		return 0, false
	}
	return addr + uint64(in.Len) + uint64(int64(in.Mem.Disp)), true
}

// Immediate is the immediate of b, decoded as in, with its sign. It is false where
// there is none, or two: enter's, extrq's.
func (in Inst) Immediate(b []byte) (int64, bool) {
	if n := in.Imm.Len; n == 0 || n == 3 || n == 2 && in.is(Map0F, 0x78) {
		return 0, false
	}
	return signed(b[:in.Len], in.Imm), true
}

// IsLea tells whether the memory operand is only computed, not accessed.
func (in Inst) IsLea() bool { return in.is(MapOneByte, 0x8d) && in.HasMem }

// IsEndbr64 tells whether in is the landing pad f3 0f 1e fa.
func (in Inst) IsEndbr64() bool {
	return in.is(Map0F, 0x1e) && in.Rep && in.Len == 4 && in.ModRM.Len == 1 &&
		!in.HasMem && in.Reg == 7 && in.RM == 2
}

// IsNop tells whether in is one of the nops that assemblers and linkers pad
// with: 90 (not pause, not xchg r8), and 0f 1f with any operand and prefixes.
func (in Inst) IsNop() bool {
	if in.Lock {
		return false
	}
	return in.is(MapOneByte, 0x90) && !in.Rep && in.Rex&RexB == 0 || in.is(Map0F, 0x1f)
}

// IsPadding tells whether in fills space between functions: a nop or int3.
func (in Inst) IsPadding() bool { return in.IsNop() || in.is(MapOneByte, 0xcc) }
