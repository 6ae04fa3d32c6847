package jit

import (
	"math/bits"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// Deferred values. clang computes an address by a move and additions, where x86
// has an addressing mode for it:
//
//	r3 = r1; r3 += r2; r4 = *(u8 *)(r3 + 4)        movzbl 4(%rdi,%rsi),%ecx
//
// So moves, additions and shifts by up to three emit nothing. They only note
// what the register's value is, as base + index*scale + disp over machine
// registers. An access takes it as its operand; any other use settles it, which
// is when the code for it is emitted; and if there is no other use before the
// register is written again, there never is any.
//
// Invariants, between two instructions:
//
//   - a register with a deferred value is live;
//   - what a value refers to still is in that machine register. So, before a
//     register is written, or gets another value, what refers to it is settled
//     (disturb);
//   - a register that is referred to has no deferred value itself, unless that
//     value refers to the same register (r4 <<= 2, then r5 = r4). Hence no
//     two values wait for each other, and what a copy refers to stays.
//
// Nothing is deferred across a label, a jump or a call.

// value is base + index*scale + disp; without a base it is NoReg, without an
// index scale is 0.
type value struct {
	base, index x86.Reg
	scale       uint8
	disp        int32
}

func registerValue(r x86.Reg) value { return value{base: r} }

func (v value) refersTo(r x86.Reg) bool {
	return v.base == r || v.scale != 0 && v.index == r
}

// isCopy reports that v is what the register base holds.
func (v value) isCopy() bool { return v.base != x86.NoReg && v.scale == 0 && v.disp == 0 }

// plus adds a constant.
func (v value) plus(n int64) (value, bool) {
	sum := int64(v.disp) + n
	v.disp = int32(sum)
	return v, int64(v.disp) == sum && n == int64(int32(n))
}

// plusValue adds another value, if the sum is one.
func (v value) plusValue(w value) (value, bool) {
	if w.scale != 0 {
		v, w = w, v
	}
	if w.scale != 0 || w.base == x86.NoReg {
		return v, false
	}
	switch {
	case v.base == x86.NoReg:
		v.base = w.base
	case v.scale == 0:
		v.index, v.scale = w.base, 1
	default:
		return v, false
	}
	return v.plus(int64(w.disp))
}

// times multiplies by 2, 4 or 8.
func (v value) times(scale uint8) (value, bool) {
	disp := int64(v.disp) * int64(scale)
	if v.scale != 0 || v.base == x86.NoReg || disp != int64(int32(disp)) {
		return v, false
	}
	return value{base: x86.NoReg, index: v.base, scale: scale, disp: int32(disp)}, true
}

// values are the deferred ones, by register.
type values struct {
	of       [vm.NumRegisters]value
	deferred registerSet
}

// value is what the register holds.
func (c *compiler) value(r vm.Register) value {
	if c.values.deferred.has(r) {
		return c.values.of[r]
	}
	return registerValue(reg(r))
}

// set gives the register a value.
func (c *compiler) set(r vm.Register, v value) {
	c.values.of[r] = v
	c.values.deferred |= setOf(r)
	if v == registerValue(reg(r)) {
		c.written(r)
	}
}

// written says that the register now holds its value itself.
func (c *compiler) written(r vm.Register) { c.values.deferred &^= setOf(r) }

// disturb settles what is needed after this instruction and refers to r, which
// it is going to write. What the instruction itself reads may still refer to r.
func (c *compiler) disturb(r vm.Register) {
	c.settleThose(c.values.deferred&c.live&^setOf(r), reg(r))
}

// settle puts the register's value into it, and before that the values of all
// that refer to it.
func (c *compiler) settle(r vm.Register) {
	if !c.values.deferred.has(r) {
		return
	}
	c.settleThose(c.values.deferred&^setOf(r), reg(r))
	c.compute(reg(r), c.values.of[r])
	c.written(r)
}

// settleThose settles those of the registers that refer to a machine register.
func (c *compiler) settleThose(set registerSet, r x86.Reg) {
	set.each(func(d vm.Register) {
		if c.values.of[d].refersTo(r) {
			c.settle(d)
		}
	})
}

// settleAll leaves nothing deferred.
func (c *compiler) settleAll() { c.values.deferred.each(c.settle) }

// settleLive settles what is needed after this instruction.
func (c *compiler) settleLive() { (c.values.deferred & c.live).each(c.settle) }

// compute emits the shortest code for a value.
func (c *compiler) compute(d x86.Reg, v value) {
	switch {
	case v.isCopy():
		c.emit(x86.Mov(x86.W64, d, v.base))
	case v.scale == 0 && v.base == d:
		c.emit(x86.Add(x86.W64, d, x86.Imm(v.disp)))
	case v.scale == 1 && v.disp == 0 && v.base == d:
		c.emit(x86.Add(x86.W64, d, v.index))
	case v.scale == 1 && v.disp == 0 && v.index == d:
		c.emit(x86.Add(x86.W64, d, v.base))
	case v.base == x86.NoReg && v.disp == 0:
		if v.index != d {
			c.emit(x86.Mov(x86.W64, d, v.index))
		}
		c.emit(x86.Shl(x86.W64, d, x86.Imm(bits.TrailingZeros8(v.scale))))
	default:
		c.emit(x86.Lea(x86.W64, d, v.memory()))
	}
}

func (v value) memory() x86.Mem {
	return x86.Mem{Base: v.base, Index: v.index, Scale: v.scale, Disp: v.disp}
}

// read returns a machine register that holds the register's value.
func (c *compiler) read(r vm.Register) x86.Reg {
	if v := c.value(r); v.isCopy() {
		return v.base
	}
	c.settle(r)
	return reg(r)
}

// update returns the register's own machine register, with its value in it, to
// be changed in place.
func (c *compiler) update(r vm.Register) x86.Reg {
	c.disturb(r)
	c.settle(r)
	return reg(r)
}

// address is the memory operand for an access.
func (c *compiler) address(base vm.Register, off int16) x86.Mem {
	v, ok := c.value(base).plus(int64(off))
	if !ok {
		c.settle(base)
		return x86.Ptr(reg(base), int32(off))
	}
	return v.memory()
}

// deferMove is dst = src.
func (c *compiler) deferMove(dst, src vm.Register) {
	c.disturb(dst)
	c.set(dst, c.value(src))
}

// deferAdd is dst += n; it fails when the sum does not fit.
func (c *compiler) deferAdd(dst vm.Register, n int64) bool {
	c.disturb(dst)
	v, ok := c.value(dst).plus(n)
	if ok {
		c.set(dst, v)
	}
	return ok
}

// deferAddRegister is dst += src.
func (c *compiler) deferAddRegister(dst, src vm.Register) {
	c.disturb(dst)
	v, ok := c.value(dst).plusValue(c.value(src))
	if !ok {
		c.settle(dst)
		c.settle(src)
		v, _ = c.value(dst).plusValue(c.value(src))
	}
	c.set(dst, v)
}

// deferShift is dst <<= n, with n from 1 to 3.
func (c *compiler) deferShift(dst vm.Register, n int64) {
	c.disturb(dst)
	v, ok := c.value(dst).times(1 << n)
	if !ok {
		c.settle(dst)
		v, _ = c.value(dst).times(1 << n)
	}
	c.set(dst, v)
}

// deferMultiply is dst *= n; it fails unless n is 3, 5 or 9.
func (c *compiler) deferMultiply(dst vm.Register, n int64) bool {
	if n != 3 && n != 5 && n != 9 {
		return false
	}
	c.disturb(dst)
	if !c.value(dst).isCopy() {
		c.settle(dst)
	}
	r := c.value(dst).base
	c.set(dst, value{base: r, index: r, scale: uint8(n - 1)})
	return true
}
