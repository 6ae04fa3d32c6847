package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// division is one DIV or MOD, signed or not.
type division struct {
	w      x86.Width
	dst    x86.Reg
	src    x86.Reg // never rax or rdx, which div overwrites before it is done
	mod    bool
	signed bool
}

// divide translates DIV and MOD (RFC 9669, section 4.1): x / 0 is 0, x % 0 is
// x, MIN / -1 is MIN and MIN % -1 is 0, where x86 faults. The divisors 0 and
// -1 are handled behind the function. A 32-bit division is one of x86 too,
// several times faster than a 64-bit one.
func (c *compiler) divide(in vm.Instruction) {
	d := division{
		w: width(in.OpCode), dst: reg(in.Dst), src: scratch1,
		mod: in.OpCode.Op() == vm.MOD, signed: in.Off == 1,
	}
	if in.OpCode.Source() == vm.K {
		c.divideByConstant(d, in.Imm)
		return
	}
	if s := reg(in.Src); s == x86.RAX || s == x86.RDX {
		c.emit(x86.Mov(d.w, scratch1, s))
	} else {
		d.src = s
	}
	end := c.asm.NewLabel()
	c.divideSpecial(d, end)
	c.divideBy(d)
	c.asm.Bind(end)
}

func (c *compiler) divideByConstant(d division, by int64) {
	switch {
	case by == 0:
		c.divideByZero(d)
	case by == -1 && d.signed:
		c.divideByMinusOne(d)
	default:
		c.constant(d.src, by)
		c.divideBy(d)
	}
}

// divideSpecial sends divisors that fault out of line; they come back to end.
func (c *compiler) divideSpecial(d division, end x86.Label) {
	if !d.signed {
		zero := end
		if !d.mod || d.w == x86.W32 {
			zero = c.later(func() {
				c.divideByZero(d)
				c.emit(x86.Jmp(end))
			})
		}
		c.emit(x86.Test(d.w, d.src, d.src), x86.Jcc(x86.E, zero))
		return
	}
	// 0 and -1 are the two for which s+1 is at most 1, unsigned.
	c.emit(
		x86.Lea(d.w, scratch2, x86.Ptr(d.src, 1)),
		x86.Cmp(d.w, scratch2, x86.Imm(1)),
		x86.Jcc(x86.BE, c.later(func() {
			minusOne := c.asm.NewLabel()
			c.emit(x86.Test(d.w, d.src, d.src), x86.Jcc(x86.NE, minusOne))
			c.divideByZero(d)
			c.emit(x86.Jmp(end))
			c.asm.Bind(minusOne)
			c.divideByMinusOne(d)
			c.emit(x86.Jmp(end))
		})))
}

func (c *compiler) divideByZero(d division) {
	switch {
	case !d.mod:
		c.emit(x86.Xor(x86.W32, d.dst, d.dst))
	case d.w == x86.W32:
		c.emit(x86.Mov(d.w, d.dst, d.dst))
	}
}

func (c *compiler) divideByMinusOne(d division) {
	if d.mod {
		c.emit(x86.Xor(x86.W32, d.dst, d.dst))
		return
	}
	c.emit(x86.Neg(d.w, d.dst))
}

// divideBy divides rdx:rax by src, which is neither, and keeps whichever of the
// two is not the destination.
func (c *compiler) divideBy(d division) {
	if d.dst != x86.RAX {
		c.emit(x86.Mov(x86.W64, scratch2, x86.RAX), x86.Mov(d.w, x86.RAX, d.dst))
	}
	if d.dst != x86.RDX {
		c.emit(x86.Mov(x86.W64, scratch3, x86.RDX))
	}
	switch {
	case !d.signed:
		c.emit(x86.Xor(x86.W32, x86.RDX, x86.RDX), x86.Div(d.w, d.src))
	case d.w == x86.W64:
		c.emit(x86.Cqo(), x86.IDiv(d.w, d.src))
	default:
		c.emit(x86.Cdq(), x86.IDiv(d.w, d.src))
	}
	result := x86.RAX
	if d.mod {
		result = x86.RDX
	}
	if d.dst != result {
		c.emit(x86.Mov(d.w, d.dst, result))
	}
	if d.dst != x86.RDX {
		c.emit(x86.Mov(x86.W64, x86.RDX, scratch3))
	}
	if d.dst != x86.RAX {
		c.emit(x86.Mov(x86.W64, x86.RAX, scratch2))
	}
}
