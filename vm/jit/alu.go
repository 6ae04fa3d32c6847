package jit

import (
	"math"
	"math/bits"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// alu translates ALU and ALU64. A 32-bit operation of x86 zero-extends its
// destination just as one of BPF does, so every ALU instruction must come out
// as at least one 32-bit write (RFC 9669, section 4.1).
func (c *compiler) alu(in vm.Instruction) {
	switch {
	case c.deferALU(in):
		return
	case in.IsCast():
		c.cast(in)
		return
	case in.OpCode.Op() == vm.MOV:
		c.disturb(in.Dst)
		c.move(width(in.OpCode), reg(in.Dst), in)
		c.written(in.Dst)
		return
	case in.OpCode.Op() == vm.DIV, in.OpCode.Op() == vm.MOD:
		c.settleAll()
		c.divide(in)
		return
	}
	c.operate(width(in.OpCode), c.update(in.Dst), in)
}

// operate does the instruction to a machine register that holds its destination.
func (c *compiler) operate(w x86.Width, d x86.Reg, in vm.Instruction) {
	switch in.OpCode.Op() {
	case vm.ADD:
		c.emit(x86.Add(w, d, c.source(in)))
	case vm.SUB:
		c.emit(x86.Sub(w, d, c.source(in)))
	case vm.OR:
		c.emit(x86.Or(w, d, c.source(in)))
	case vm.XOR:
		c.emit(x86.Xor(w, d, c.source(in)))
	case vm.AND:
		c.and(w, d, in)
	case vm.MUL:
		c.mul(w, d, in)
	case vm.LSH, vm.RSH, vm.ARSH:
		c.shift(w, d, in)
	case vm.NEG:
		c.emit(x86.Neg(w, d))
	case vm.MOV:
		c.move(w, d, in)
	case vm.END:
		c.byteOrder(d, in)
	}
}

// deferALU does what can be part of an address without emitting anything.
func (c *compiler) deferALU(in vm.Instruction) bool {
	switch in.OpCode {
	case vm.ALU64 | vm.MOV | vm.X:
		if in.Off == 0 {
			c.deferMove(in.Dst, in.Src)
			return true
		}
	case vm.ALU64 | vm.ADD | vm.X:
		c.deferAddRegister(in.Dst, in.Src)
		return true
	case vm.ALU64 | vm.ADD:
		return c.deferAdd(in.Dst, in.Imm)
	case vm.ALU64 | vm.SUB:
		return c.deferAdd(in.Dst, -in.Imm)
	case vm.ALU64 | vm.MUL:
		return c.deferMultiply(in.Dst, in.Imm)
	case vm.ALU64 | vm.LSH:
		if n := in.Imm & 63; n >= 1 && n <= 3 {
			c.deferShift(in.Dst, n)
			return true
		}
	}
	return false
}

// and of an immediate that clears the high half is done in 32 bits.
func (c *compiler) and(w x86.Width, d x86.Reg, in vm.Instruction) {
	if in.OpCode.Source() == vm.K && in.Imm >= 0 {
		w = x86.W32
	}
	c.emit(x86.And(w, d, c.source(in)))
}

func (c *compiler) mul(w x86.Width, d x86.Reg, in vm.Instruction) {
	if in.OpCode.Source() == vm.K {
		c.mulConstant(w, d, in.Imm)
		return
	}
	c.emit(x86.IMul(w, d, c.read(in.Src)))
}

// mulConstant shifts, where the constant is a power of two or next to one.
func (c *compiler) mulConstant(w x86.Width, d x86.Reg, n int64) {
	shift := func(n int64) x86.Imm { return x86.Imm(bits.TrailingZeros64(uint64(n))) }
	isPower := func(n int64) bool { return n > 1 && n&(n-1) == 0 }
	switch {
	case isPower(n):
		c.emit(x86.Shl(w, d, shift(n)))
	case isPower(n + 1):
		c.emit(x86.Mov(w, scratch1, d), x86.Shl(w, d, shift(n+1)), x86.Sub(w, d, scratch1))
	case isPower(n - 1):
		c.emit(x86.Mov(w, scratch1, d), x86.Shl(w, d, shift(n-1)), x86.Add(w, d, scratch1))
	default:
		c.emit(x86.IMul3(w, d, d, x86.Imm(n)))
	}
}

// move does something to a value, or is of a constant.
func (c *compiler) move(w x86.Width, d x86.Reg, in vm.Instruction) {
	switch {
	case in.OpCode.Source() == vm.K && w == x86.W32:
		c.constant(d, in.Imm&math.MaxUint32)
	case in.OpCode.Source() == vm.K:
		c.constant(d, in.Imm)
	case in.Off != 0:
		c.emit(x86.MovSX(w, d, x86.Width(in.Off/8), c.read(in.Src)))
	default:
		c.emit(x86.Mov(w, d, c.read(in.Src)))
	}
}

// constant loads any 64-bit value. No flags live across BPF instructions.
func (c *compiler) constant(d x86.Reg, v int64) {
	if v == 0 {
		c.emit(x86.Xor(x86.W32, d, d))
		return
	}
	c.emit(x86.MovImm(d, v))
}

// byteOrder: on this little-endian machine le truncates, be and bswap swap and
// truncate.
func (c *compiler) byteOrder(d x86.Reg, in vm.Instruction) {
	swap := in.OpCode != vm.LE
	switch in.Imm {
	case 16:
		if swap {
			c.emit(x86.Rol(x86.W16, d, x86.Imm(8)))
		}
		c.emit(x86.MovZX(x86.W32, d, x86.W16, d))
	case 32:
		if swap {
			c.emit(x86.Bswap(x86.W32, d))
		} else {
			c.emit(x86.Mov(x86.W32, d, d))
		}
	case 64:
		if swap {
			c.emit(x86.Bswap(x86.W64, d))
		}
	}
}

// shift masks the count to the width (RFC 9669, section 4.1). x86 does the same
// with a count in a register.
func (c *compiler) shift(w x86.Width, d x86.Reg, in vm.Instruction) {
	if in.OpCode.Source() == vm.X {
		c.shiftByRegister(w, d, in)
		return
	}
	n := in.Imm & int64(8*w-1)
	switch {
	case n != 0:
		c.emit(shiftOf(in.OpCode)(w, d, x86.Imm(n)))
	case w == x86.W32:
		c.emit(x86.Mov(w, d, d))
	}
}

func shiftOf(op vm.OpCode) func(x86.Width, x86.Operand, x86.Operand) x86.Instr {
	switch op.Op() {
	case vm.LSH:
		return x86.Shl
	case vm.RSH:
		return x86.Shr
	}
	return x86.Sar
}

func shiftxOf(op vm.OpCode) func(x86.Width, x86.Reg, x86.Operand, x86.Reg) x86.Instr {
	switch op.Op() {
	case vm.LSH:
		return x86.Shlx
	case vm.RSH:
		return x86.Shrx
	}
	return x86.Sarx
}

// shiftByRegister: without BMI2 the count has to be in CL, and rcx is r4.
func (c *compiler) shiftByRegister(w x86.Width, d x86.Reg, in vm.Instruction) {
	s, shift := c.read(in.Src), shiftOf(in.OpCode)
	switch {
	case s == x86.RCX:
		c.emit(shift(w, d, x86.RCX))
	case c.opts.Features.BMI2:
		c.emit(shiftxOf(in.OpCode)(w, d, d, s))
	case d == x86.RCX:
		c.emit(
			x86.Mov(x86.W64, scratch1, x86.RCX),
			x86.Mov(x86.W32, x86.RCX, s),
			shift(w, scratch1, x86.RCX),
			x86.Mov(w, x86.RCX, scratch1))
	default:
		c.emit(
			x86.Mov(x86.W64, scratch1, x86.RCX),
			x86.Mov(x86.W32, x86.RCX, s),
			shift(w, d, x86.RCX),
			x86.Mov(x86.W64, x86.RCX, scratch1))
	}
}
