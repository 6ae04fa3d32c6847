package vm

// OpCode is the first byte of an instruction. Its parts are OpCodes too, so
// that an opcode is written as the kernel writes it: ALU64|ADD|X is
// BPF_ALU64 | BPF_ADD | BPF_X, 0x0f. Names are the kernel's without "BPF_".
//
// The low three bits are the class; they say how to read the other five
// (RFC 9669, section 3):
//
//	LD LDX ST STX          | mode 3 | size 2 | class 3 |
//	ALU ALU64 JMP JMP32    |  op  4 | src  1 | class 3 |
type OpCode uint8

// Classes.
const (
	LD    OpCode = 0x00
	LDX   OpCode = 0x01
	ST    OpCode = 0x02
	STX   OpCode = 0x03
	ALU   OpCode = 0x04 // 32-bit arithmetic; the result is zero-extended
	JMP   OpCode = 0x05
	JMP32 OpCode = 0x06 // compares the low 32 bits
	ALU64 OpCode = 0x07
)

// Sizes of a memory access.
const (
	W  OpCode = 0x00
	H  OpCode = 0x08
	B  OpCode = 0x10
	DW OpCode = 0x18
)

// Modes of a memory instruction.
const (
	IMM    OpCode = 0x00 // LD|IMM|DW is LDDW, two slots
	ABS    OpCode = 0x20 // refused: classic BPF packet access
	IND    OpCode = 0x40 // refused: the same
	MEM    OpCode = 0x60
	MEMSX  OpCode = 0x80 // a load that sign-extends to 64 bits
	ATOMIC OpCode = 0xc0 // what it does is in Imm
)

// Sources of the second operand.
const (
	K OpCode = 0x00 // Imm
	X OpCode = 0x08 // Src
)

// Byte order operations, in the place of the source: ALU|END|ToLE and ToBE;
// ALU64|END|ToLE is bswap.
const (
	ToLE OpCode = 0x00
	ToBE OpCode = 0x08
)

// Operations of ALU and ALU64.
const (
	ADD  OpCode = 0x00
	SUB  OpCode = 0x10
	MUL  OpCode = 0x20
	DIV  OpCode = 0x30 // Off 1: signed
	OR   OpCode = 0x40
	AND  OpCode = 0x50
	LSH  OpCode = 0x60
	RSH  OpCode = 0x70
	NEG  OpCode = 0x80
	MOD  OpCode = 0x90 // Off 1: signed
	XOR  OpCode = 0xa0
	MOV  OpCode = 0xb0 // Off 8, 16, 32: sign-extends from that width; 1: see AddrSpaceCast
	ARSH OpCode = 0xc0
	END  OpCode = 0xd0
)

// Operations of JMP and JMP32.
const (
	JA    OpCode = 0x00 // JMP: by Off; JMP32: by Imm (gotol)
	JEQ   OpCode = 0x10
	JGT   OpCode = 0x20
	JGE   OpCode = 0x30
	JSET  OpCode = 0x40
	JNE   OpCode = 0x50
	JSGT  OpCode = 0x60
	JSGE  OpCode = 0x70
	CALL  OpCode = 0x80 // JMP only
	EXIT  OpCode = 0x90 // JMP only
	JLT   OpCode = 0xa0
	JLE   OpCode = 0xb0
	JSLT  OpCode = 0xc0
	JSLE  OpCode = 0xd0
	JCOND OpCode = 0xe0 // JMP only: may_goto
)

// Whole opcodes that are met by themselves.
const (
	LDDW  = LD | IMM | DW  // 0x18
	CALLX = JMP | CALL | X // 0x8d, the register is in Dst
	JA32  = JMP32 | JA     // 0x06

	// MayGoto falls through MaxLoops times in a call of a function, and goes to its target then.
	MayGoto = JMP | JCOND // 0xe5
	BSWAP   = ALU64 | END // 0xd7
	LE      = ALU | END   // 0xd4
	BE      = LE | ToBE   // 0xdc
	NEG32   = ALU | NEG   // 0x84
	NEG64   = ALU64 | NEG // 0x87
)

// Imm of an ATOMIC instruction: one of the ALU operations ADD, OR, AND, XOR,
// with or without FETCH, or one of the named ones.
const (
	AtomicADD = 0x00
	AtomicOR  = 0x40
	AtomicAND = 0x50
	AtomicXOR = 0xa0
	FETCH     = 0x01
	XCHG      = 0xe0 | FETCH
	CMPXCHG   = 0xf0 | FETCH
	LOAD_ACQ  = 0x100 // Dst = *(Src + Off)
	STORE_REL = 0x110 // *(Dst + Off) = Src
)

// Off of ALU64|MOV|X with another meaning: a cast between address spaces, of which 1 is
// an arena as its users see it, and 0 what programs load from and store to. Imm is the
// destination's << 16 | the source's.
const (
	AddrSpaceCast = 1
	ToKernel      = 1
	ToUser        = 1 << 16
)

// Src of an LDDW and of a CALL says what the constant means.
const (
	PseudoMapFD    = 1 // LDDW: Imm's low half is an index into the program's maps
	PseudoMapValue = 2 // LDDW: the same, plus the high half as an offset into its value
	PseudoBTFID    = 3 // refused
	PseudoFunc     = 4 // LDDW: Imm's low half is the distance to a function, as in a local call
	PseudoMapIdx   = 5 // refused
	PseudoMapIdxV  = 6 // refused

	PseudoCall  = 1 // CALL: to the function at Imm slots from the next instruction
	PseudoKfunc = 2 // CALL: refused
)

// Class is how the rest of the opcode is read.
func (op OpCode) Class() OpCode { return op & 0x07 }

// Size of a memory access: W, H, B or DW.
func (op OpCode) Size() OpCode { return op & 0x18 }

// Mode of a memory access.
func (op OpCode) Mode() OpCode { return op & 0xe0 }

// Source is X when the second operand is a register, else K.
func (op OpCode) Source() OpCode { return op & 0x08 }

// Op is the operation of an ALU, ALU64, JMP or JMP32 instruction.
func (op OpCode) Op() OpCode { return op & 0xf0 }

// Bytes is the width of a memory access: 1, 2, 4 or 8.
func (op OpCode) Bytes() int {
	return [4]int{4, 2, 1, 8}[op.Size()>>3]
}

// IsALU reports whether op belongs to ALU or ALU64.
func (op OpCode) IsALU() bool { return op.Class() == ALU || op.Class() == ALU64 }

// IsJump reports whether op belongs to JMP or JMP32, calls and exit included.
func (op OpCode) IsJump() bool { return op.Class() == JMP || op.Class() == JMP32 }

// Is64 reports whether an ALU or jump operation works on 64 bits.
func (op OpCode) Is64() bool { return op.Class() == ALU64 || op.Class() == JMP }
