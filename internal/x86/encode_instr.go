package x86

import "math"

// Constructors. Operands are in Intel order, the destination first; w is the
// operand size. A combination that does not exist is reported by the Assembler.

// Mov copies; an immediate is sign-extended from 32 bits.
func Mov(w Width, dst, src Operand) Instr { return instr(opMov, w, dst, src) }

// MovImm loads a 64-bit constant with the shortest instruction that leaves the
// flags alone.
func MovImm(dst Reg, v int64) Instr {
	switch {
	case v >= 0 && v <= math.MaxUint32:
		return instr(opMov, W32, dst, Imm(v))
	case v == int64(int32(v)):
		return instr(opMov, W64, dst, Imm(v))
	}
	return instr(opMovAbs, W64, dst, Imm(v))
}

// MovSymbol loads the absolute 64-bit address of a symbol plus an addend.
func MovSymbol(dst Reg, s Symbol, addend int64) Instr {
	in := instr(opMovAbs, W64, dst, Imm(addend))
	in.sym = s
	return in
}

// Load reads w bytes and zero-extends them to 64 bits.
func Load(dst Reg, src Mem, w Width) Instr {
	if w < W32 {
		return MovZX(W32, dst, w, src)
	}
	return Mov(w, dst, src)
}

// Store writes the low w bytes of a register, or an immediate.
func Store(dst Mem, src Operand, w Width) Instr { return Mov(w, dst, src) }

// MovZX zero-extends a W8 or W16 source.
func MovZX(w Width, dst Reg, from Width, src Operand) Instr {
	in := instr(opMovZX, w, dst, src)
	in.from = from
	return in
}

// MovSX sign-extends a W8, W16 or W32 source.
func MovSX(w Width, dst Reg, from Width, src Operand) Instr {
	in := instr(opMovSX, w, dst, src)
	in.from = from
	return in
}

// MovBE loads or stores with the bytes reversed (CPUID.MOVBE).
func MovBE(w Width, dst, src Operand) Instr { return instr(opMovBE, w, dst, src) }

// Lea computes an address.
func Lea(w Width, dst Reg, m Mem) Instr { return instr(opLea, w, dst, m) }

func Add(w Width, dst, src Operand) Instr  { return instr(opAdd, w, dst, src) }
func Or(w Width, dst, src Operand) Instr   { return instr(opOr, w, dst, src) }
func Adc(w Width, dst, src Operand) Instr  { return instr(opAdc, w, dst, src) }
func Sbb(w Width, dst, src Operand) Instr  { return instr(opSbb, w, dst, src) }
func And(w Width, dst, src Operand) Instr  { return instr(opAnd, w, dst, src) }
func Sub(w Width, dst, src Operand) Instr  { return instr(opSub, w, dst, src) }
func Xor(w Width, dst, src Operand) Instr  { return instr(opXor, w, dst, src) }
func Cmp(w Width, dst, src Operand) Instr  { return instr(opCmp, w, dst, src) }
func Test(w Width, dst, src Operand) Instr { return instr(opTest, w, dst, src) }

func Inc(w Width, dst Operand) Instr { return instr(opInc, w, dst) }
func Dec(w Width, dst Operand) Instr { return instr(opDec, w, dst) }
func Neg(w Width, dst Operand) Instr { return instr(opNeg, w, dst) }
func Not(w Width, dst Operand) Instr { return instr(opNot, w, dst) }

// Mul, Div and IDiv work on RDX:RAX; div by zero and overflow fault.
func Mul(w Width, src Operand) Instr  { return instr(opMul, w, src) }
func Div(w Width, src Operand) Instr  { return instr(opDiv, w, src) }
func IDiv(w Width, src Operand) Instr { return instr(opIDiv, w, src) }

// IMul is dst *= src.
func IMul(w Width, dst Reg, src Operand) Instr { return instr(opIMul, w, dst, src) }

// IMul3 is dst = src * imm.
func IMul3(w Width, dst Reg, src Operand, imm Imm) Instr {
	return instr(opIMul, w, dst, src, imm)
}

// Shifts and rotates: the count is an Imm or RCX, of which CL counts.

func Rol(w Width, dst, count Operand) Instr { return instr(opRol, w, dst, count) }
func Ror(w Width, dst, count Operand) Instr { return instr(opRor, w, dst, count) }
func Shl(w Width, dst, count Operand) Instr { return instr(opShl, w, dst, count) }
func Shr(w Width, dst, count Operand) Instr { return instr(opShr, w, dst, count) }
func Sar(w Width, dst, count Operand) Instr { return instr(opSar, w, dst, count) }

// BMI2 (CPUID.BMI2): the count is any register, the flags stay.

func Shlx(w Width, dst Reg, src Operand, count Reg) Instr { return instr(opShlx, w, dst, src, count) }
func Shrx(w Width, dst Reg, src Operand, count Reg) Instr { return instr(opShrx, w, dst, src, count) }
func Sarx(w Width, dst Reg, src Operand, count Reg) Instr { return instr(opSarx, w, dst, src, count) }
func Rorx(w Width, dst Reg, src Operand, imm Imm) Instr   { return instr(opRorx, w, dst, src, imm) }

// Cdq sign-extends EAX into EDX, Cqo RAX into RDX; Cdqe EAX into RAX.

func Cdq() Instr  { return instr(opCdq, W32) }
func Cqo() Instr  { return instr(opCqo, W64) }
func Cdqe() Instr { return instr(opCdqe, W64) }

// Bswap reverses the bytes; w is W32 or W64.
func Bswap(w Width, dst Reg) Instr { return instr(opBswap, w, dst) }

// Xchg with memory is locked by itself.
func Xchg(w Width, dst, src Operand) Instr { return instr(opXchg, w, dst, src) }

// Xadd is src, dst = dst, dst+src.
func Xadd(w Width, dst Operand, src Reg) Instr { return instr(opXadd, w, dst, src) }

// Cmpxchg stores src if dst equals RAX, else loads dst into RAX; ZF says which.
func Cmpxchg(w Width, dst Operand, src Reg) Instr { return instr(opCmpxchg, w, dst, src) }

// Lock makes a read-modify-write of memory atomic.
func Lock(in Instr) Instr {
	in.lock = true
	return in
}

// Jmp and Call take a Label, a Symbol, a Reg or a Mem that holds the target.

func Jmp(target Operand) Instr  { return instr(opJmp, W64, target) }
func Call(target Operand) Instr { return instr(opCall, W64, target) }

// Jcc takes a Label or a Symbol.
func Jcc(c Cond, target Operand) Instr {
	in := instr(opJcc, W64, target)
	in.cond = c
	return in
}

// Setcc writes 0 or 1 to a byte.
func Setcc(c Cond, dst Operand) Instr {
	in := instr(opSetcc, W8, dst)
	in.cond = c
	return in
}

// Cmovcc copies if the condition holds; at W32 it zero-extends either way.
func Cmovcc(c Cond, w Width, dst Reg, src Operand) Instr {
	in := instr(opCmovcc, w, dst, src)
	in.cond = c
	return in
}

// Push takes a Reg, Imm or Mem. An address relative to RSP is computed before
// RSP moves.
func Push(src Operand) Instr { return instr(opPush, W64, src) }

// Pop takes a Reg or Mem. An address relative to RSP is computed after RSP has
// moved (SDM volume 2, POP).
func Pop(dst Operand) Instr { return instr(opPop, W64, dst) }

func Ret() Instr   { return instr(opRet, W64) }
func Leave() Instr { return instr(opLeave, W64) }

// Lahf and Sahf move SF, ZF, AF, PF and CF between the flags and AH. There is
// no popfq here: it costs 5.4 ns (DESIGN, law 3).

func Lahf() Instr { return instr(opLahf, W8) }
func Sahf() Instr { return instr(opSahf, W8) }

func Pause() Instr   { return instr(opPause, W8) }
func Rdtsc() Instr   { return instr(opRdtsc, W8) }
func Int3() Instr    { return instr(opInt3, W8) }
func Ud2() Instr     { return instr(opUd2, W8) }
func Syscall() Instr { return instr(opSyscall, W8) }
func Endbr64() Instr { return instr(opEndbr64, W8) }

// Nop is one instruction of n bytes, 1 to 9, that does nothing.
func Nop(n int) Instr { return instr(opNop, W8, Imm(n)) }
