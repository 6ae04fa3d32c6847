package vm

import (
	"fmt"
	"strings"
)

// aluSymbol is how an ALU operation is written before "=".
var aluSymbol = map[OpCode]string{
	ADD: "+", SUB: "-", MUL: "*", DIV: "/", OR: "|", AND: "&", LSH: "<<",
	RSH: ">>", MOD: "%", XOR: "^", MOV: "", ARSH: "s>>",
}

// jumpSymbol is how the comparison of a conditional jump is written.
var jumpSymbol = map[OpCode]string{
	JEQ: "==", JGT: ">", JGE: ">=", JSET: "&", JNE: "!=", JSGT: "s>",
	JSGE: "s>=", JLT: "<", JLE: "<=", JSLT: "s<", JSLE: "s<=",
}

// fetchName is how an atomic operation that returns the old value is written.
var fetchName = map[int64]string{
	AtomicADD | FETCH: "add", AtomicOR | FETCH: "or", AtomicAND | FETCH: "and", AtomicXOR | FETCH: "xor",
}

// String is the text that clang and llvm-objdump use. Assemble reads it back,
// whatever the fields are: what has no text of its own, because an unused field
// is not zero or the opcode is unknown, is written as ".insn opcode, dst, src,
// off, imm".
//
// Two things differ from llvm-objdump: a local call is "call pc+3" (as the
// kernel writes it; llvm-objdump writes both kinds of call alike), and what an
// LDDW refers to is spelled out as bpftool does: "r1 = map[2]",
// "r1 = map[2][0]+8", "r1 = subprog[+7]".
func (in Instruction) String() string {
	if reason := checkEncoding(in); reason != "" {
		return in.raw()
	}
	switch in.OpCode.Class() {
	case ALU, ALU64:
		return in.aluText()
	case JMP, JMP32:
		return in.jumpText()
	}
	return in.memoryText()
}

// Disassemble writes one instruction a line, each with its slot.
func Disassemble(insns []Instruction) string {
	var b strings.Builder
	slot := 0
	for _, in := range insns {
		fmt.Fprintf(&b, "%4d: %s\n", slot, in)
		slot += in.Slots()
	}
	return b.String()
}

func (in Instruction) raw() string {
	return fmt.Sprintf(".insn %#02x, %d, %d, %d, %d", uint8(in.OpCode), in.Dst, in.Src, in.Off, in.Imm)
}

// reg names a register as the operation sees it: r3, or w3 for its low half.
func (in Instruction) reg(r Register) string {
	if in.OpCode.Is64() || in.OpCode.Class() == STX && in.OpCode.Size() != W {
		return r.String()
	}
	return fmt.Sprintf("w%d", uint8(r))
}

// operand is the second operand of an ALU or jump operation.
func (in Instruction) operand() string {
	if in.OpCode.Source() == X {
		return in.reg(in.Src)
	}
	return fmt.Sprint(in.Imm)
}

func (in Instruction) aluText() string {
	dst := in.reg(in.Dst)
	switch op := in.OpCode.Op(); {
	case op == NEG:
		return fmt.Sprintf("%s = -%s", dst, dst)
	case op == END:
		return fmt.Sprintf("%s = %s%d %s", in.Dst, in.swapName(), in.Imm, in.Dst)
	case in.IsCast():
		return fmt.Sprintf("%s = addr_space_cast(%s, %#x, %#x)", dst, in.Src, uint32(in.Imm)>>16, uint16(in.Imm))
	case op == MOV && in.Off != 0:
		return fmt.Sprintf("%s = (s%d)%s", dst, in.Off, in.reg(in.Src))
	case in.Off == 1:
		return fmt.Sprintf("%s s%s= %s", dst, aluSymbol[op], in.operand())
	default:
		return fmt.Sprintf("%s %s= %s", dst, aluSymbol[op], in.operand())
	}
}

func (in Instruction) swapName() string {
	switch in.OpCode {
	case LE:
		return "le"
	case BE:
		return "be"
	}
	return "bswap"
}

func (in Instruction) jumpText() string {
	switch in.OpCode {
	case JMP | JA:
		return fmt.Sprintf("goto %+d", in.Off)
	case MayGoto:
		return fmt.Sprintf("may_goto %+d", in.Off)
	case JA32:
		return fmt.Sprintf("gotol %+d", in.Imm)
	case JMP | EXIT:
		return "exit"
	case CALLX:
		return fmt.Sprintf("callx %s", in.Dst)
	case JMP | CALL:
		return in.callText()
	}
	return fmt.Sprintf("if %s %s %s goto %+d", in.reg(in.Dst), jumpSymbol[in.OpCode.Op()], in.operand(), in.Off)
}

func (in Instruction) callText() string {
	switch in.Src {
	case PseudoCall:
		return fmt.Sprintf("call pc%+d", in.Imm)
	case PseudoKfunc:
		return fmt.Sprintf("call kfunc %d", in.Imm)
	}
	return fmt.Sprintf("call %d", in.Imm)
}

func (in Instruction) memoryText() string {
	op := in.OpCode
	switch {
	case op == LDDW:
		return in.lddwText()
	case op.Class() == LDX:
		return fmt.Sprintf("%s = *%s", in.Dst, in.place(in.Src))
	case op.Class() == ST:
		return fmt.Sprintf("*%s = %d", in.place(in.Dst), in.Imm)
	case op.Mode() == MEM:
		return fmt.Sprintf("*%s = %s", in.place(in.Dst), in.Src)
	}
	return in.atomicText()
}

// place is a memory operand with its type: (u32 *)(r1 + 4).
func (in Instruction) place(base Register) string {
	sign := 'u'
	if in.OpCode.Class() == LDX && in.OpCode.Mode() == MEMSX {
		sign = 's'
	}
	return fmt.Sprintf("(%c%d *)(%s)", sign, 8*in.OpCode.Bytes(), in.address(base))
}

func (in Instruction) address(base Register) string {
	if in.Off < 0 {
		return fmt.Sprintf("%s - %d", base, -int(in.Off))
	}
	return fmt.Sprintf("%s + %d", base, in.Off)
}

func (in Instruction) lddwText() string {
	low, high := int32(in.Imm), in.Imm>>32
	switch in.Src {
	case PseudoMapFD:
		return fmt.Sprintf("%s = map[%d]", in.Dst, low)
	case PseudoMapValue:
		return fmt.Sprintf("%s = map[%d][0]%+d", in.Dst, low, high)
	case PseudoFunc:
		return fmt.Sprintf("%s = subprog[%+d]", in.Dst, low)
	}
	return fmt.Sprintf("%s = %#x ll", in.Dst, uint64(in.Imm))
}

func (in Instruction) atomicText() string {
	src, bits := in.reg(in.Src), 8*in.OpCode.Bytes()
	narrow := "" // xchg32_32 but xchg_64
	if bits == 32 {
		narrow = "32"
	}
	switch in.Imm {
	case XCHG:
		return fmt.Sprintf("%s = xchg%s_%d(%s, %s)", src, narrow, bits, in.address(in.Dst), src)
	case CMPXCHG:
		r0 := in.reg(R0)
		return fmt.Sprintf("%s = cmpxchg%s_%d(%s, %s, %s)", r0, narrow, bits, in.address(in.Dst), r0, src)
	case LOAD_ACQ:
		return fmt.Sprintf("%s = load_acquire(%s)", in.reg(in.Dst), in.place(in.Src))
	case STORE_REL:
		return fmt.Sprintf("store_release(%s, %s)", in.place(in.Dst), src)
	}
	if name, ok := fetchName[in.Imm]; ok {
		return fmt.Sprintf("%s = atomic_fetch_%s(%s, %s)", src, name, in.place(in.Dst), src)
	}
	return fmt.Sprintf("lock *%s %s= %s", in.place(in.Dst), aluSymbol[OpCode(in.Imm)], src)
}
