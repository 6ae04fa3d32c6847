package x86

import (
	"errors"
	"fmt"
)

// ErrEncode is wrapped by every error about an instruction that does not exist:
// operands that do not go together, an immediate that is too wide.
var ErrEncode = errors.New("x86: no such instruction")

// Width is the size of an operand in bytes.
type Width uint8

const (
	W8  Width = 1
	W16 Width = 2
	W32 Width = 4
	W64 Width = 8
)

// Operand is what an instruction works on: a Reg, Mem, Imm, Label or Symbol.
type Operand interface{ isOperand() }

// Imm is an immediate. It is sign-extended to the width of the instruction.
type Imm int64

// Label is a place in the code of one Assembler, which makes it.
type Label uint32

// Symbol is a place outside the code. The number means something to the caller
// only; it comes back in a Reference.
type Symbol uint32

// Segment overrides the segment of a memory operand.
type Segment uint8

const (
	DS Segment = iota // no override
	FS
	GS
)

// Mem is a memory operand: Seg:[Base + Index*Scale + Disp]. Base may be NoReg.
// With Base RIP the address is that of Label or Symbol, where one is set, else
// that of the next instruction, plus Disp.
type Mem struct {
	Base   Reg
	Index  Reg
	Scale  uint8 // 1, 2, 4, 8; 0: no index
	Seg    Segment
	Disp   int32
	Label  Label
	Symbol Symbol
}

func (Reg) isOperand()    {}
func (Mem) isOperand()    {}
func (Imm) isOperand()    {}
func (Label) isOperand()  {}
func (Symbol) isOperand() {}

// Ptr is disp(base). The base RIP counts from the next instruction.
func Ptr(base Reg, disp int32) Mem { return Mem{Base: base, Disp: disp} }

// PtrIndex is disp(base,index,scale); base may be NoReg, index not RSP.
func PtrIndex(base, index Reg, scale uint8, disp int32) Mem {
	return Mem{Base: base, Index: index, Scale: scale, Disp: disp}
}

// PtrLabel is the memory at a label, addressed through RIP.
func PtrLabel(l Label, disp int32) Mem {
	return Mem{Base: RIP, Disp: disp, Label: l}
}

// PtrSymbol is the memory at a symbol within 2 GiB, addressed through RIP.
func PtrSymbol(s Symbol, disp int32) Mem {
	return Mem{Base: RIP, Disp: disp, Symbol: s}
}

// PtrSeg is seg:disp, the way to thread-local storage.
func PtrSeg(seg Segment, disp int32) Mem {
	return Mem{Base: NoReg, Seg: seg, Disp: disp}
}

// Cond is a condition, numbered as jcc, setcc and cmovcc encode it.
type Cond uint8

const (
	O  Cond = iota // overflow
	NO             // no overflow
	B              // below: unsigned <
	AE             // above or equal: unsigned >=
	E              // equal, zero
	NE             // not equal, not zero
	BE             // below or equal: unsigned <=
	A              // above: unsigned >
	S              // sign
	NS             // no sign
	P              // parity even
	NP             // parity odd
	L              // less: signed <
	GE             // greater or equal: signed >=
	LE             // less or equal: signed <=
	G              // greater: signed >
)

var condNames = [16]string{"o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"}

// String is the suffix of the mnemonic.
func (c Cond) String() string { return condNames[c&15] }

// Not is the opposite condition.
func (c Cond) Not() Cond { return c ^ 1 }

// Instr is one instruction, built by the constructors below. It is a plain
// value: it compares with ==, prints as objdump does, and has bytes only in an
// Assembler.
type Instr struct {
	op    mnemonic
	width Width // operand size
	from  Width // source size of movzx and movsx
	cond  Cond
	lock  bool
	kinds [3]kind // Intel order: destination first
	regs  [3]Reg
	mem   Mem
	imm   int64
	label Label  // branch target
	sym   Symbol // branch target, or what MovSymbol loads
}

type kind uint8

const (
	none kind = iota
	isReg
	isMem
	isImm
	isTarget
)

// instr sorts the operands into the fields of an Instr.
func instr(op mnemonic, w Width, args ...Operand) Instr {
	in := Instr{op: op, width: w}
	for i, a := range args {
		switch a := a.(type) {
		case Reg:
			in.kinds[i], in.regs[i] = isReg, a
		case Mem:
			in.kinds[i], in.mem = isMem, a
		case Imm:
			in.kinds[i], in.imm = isImm, int64(a)
		case Label:
			in.kinds[i], in.label = isTarget, a
		case Symbol:
			in.kinds[i], in.sym = isTarget, a
		}
	}
	return in
}

func (in Instr) invalid(why string) error {
	return fmt.Errorf("%w: %s: %s", ErrEncode, in, why)
}
