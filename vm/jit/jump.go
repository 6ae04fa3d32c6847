package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// jump translates JMP and JMP32.
func (c *compiler) jump(i int, in vm.Instruction) {
	if !in.IsBranch() {
		c.settleAll()
	} else {
		c.settleLive()
	}
	switch op := in.OpCode; {
	case in.IsExit():
		c.leave()
	case in.IsLocalCall():
		c.emit(x86.Call(c.funcs[c.prog.FunctionOf(c.prog.Target(i))]))
	case in.IsHelperCall() && in.Imm == vm.TailCall:
		c.tailCall()
	case in.IsHelperCall():
		c.helperCall(i, int32(in.Imm))
	case op == vm.CALLX:
		c.callX(in)
	case in.IsAlways():
		c.goTo(c.at.taken)
	case op == vm.MayGoto:
		c.mayGoto()
	case in.IsBranch() && c.at.selected != none:
		c.selection(in)
	case in.IsBranch():
		c.branch(in)
	default:
		c.unsupported(i, "unknown jump")
	}
}

func (c *compiler) mayGoto() {
	c.emit(
		x86.Cmp(x86.W64, c.frame.counter(), x86.Imm(0)),
		x86.Jcc(x86.E, c.blockLabel(c.at.taken)),
		x86.Sub(x86.W64, c.frame.counter(), x86.Imm(1)))
}

// conditions are those of cmp dst, src.
var conditions = [16]x86.Cond{
	vm.JEQ >> 4: x86.E, vm.JNE >> 4: x86.NE, vm.JSET >> 4: x86.NE,
	vm.JGT >> 4: x86.A, vm.JGE >> 4: x86.AE, vm.JLT >> 4: x86.B, vm.JLE >> 4: x86.BE,
	vm.JSGT >> 4: x86.G, vm.JSGE >> 4: x86.GE, vm.JSLT >> 4: x86.L, vm.JSLE >> 4: x86.LE,
}

// branch jumps over what does not follow.
func (c *compiler) branch(in vm.Instruction) {
	c.compare(in)
	cond, to := conditions[in.OpCode>>4], c.at.taken
	if to == c.following {
		cond, to = cond.Not(), c.at.next
		c.at.next = none
	}
	c.emit(x86.Jcc(cond, c.blockLabel(to)))
}

// compare sets the flags for a condition.
func (c *compiler) compare(in vm.Instruction) {
	w, d, s := width(in.OpCode), c.read(in.Dst), c.source(in)
	isImm := in.OpCode.Source() == vm.K
	switch {
	case in.OpCode.Op() == vm.JSET && isImm && in.Imm >= 0:
		c.emit(x86.Test(x86.W32, d, x86.Imm(in.Imm))) // the high half meets zeros
	case in.OpCode.Op() == vm.JSET:
		c.emit(x86.Test(w, d, s))
	case isImm && in.Imm == 0:
		c.emit(x86.Test(w, d, d)) // all flags as cmp $0 sets them
	default:
		c.emit(x86.Cmp(w, d, s))
	}
}
