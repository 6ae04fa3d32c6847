package jit

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// callHelper calls a helper; its arguments and its result are in place.
func (c *compiler) callHelper(id int32) {
	if c.takesContext(id) {
		c.giveContext(x86.R9)
	}
	c.callTarget(c.symbol(TargetHelper, id), id)
}

// callTarget goes through rax, which is r0 and gets the result, where the
// target is not known to be near.
func (c *compiler) callTarget(s x86.Symbol, id int32) {
	if c.opts.Near != nil && c.opts.Near(id) {
		c.emit(x86.Call(s))
		return
	}
	c.emit(x86.MovSymbol(x86.RAX, s, 0), x86.Call(x86.RAX))
}

// callX calls what a register holds: a helper by number, which is below every
// address, else a function of this program by address.
func (c *compiler) callX(in vm.Instruction) {
	d, end := reg(in.Dst), c.asm.NewLabel()
	if len(c.opts.CallX) > 0 {
		c.emit(x86.Cmp(x86.W64, d, x86.Imm(slices.Max(c.opts.CallX))), x86.Jcc(x86.BE, c.later(func() {
			c.callByNumber(d, end)
		})))
	}
	if c.keeps { // what a helper does that calls back
		c.giveContext(x86.R9)
	}
	c.emit(x86.Call(d))
	c.asm.Bind(end)
}

func (c *compiler) callByNumber(d x86.Reg, end x86.Label) {
	for _, id := range c.opts.CallX {
		next := c.asm.NewLabel()
		c.emit(x86.Cmp(x86.W64, d, x86.Imm(id)), x86.Jcc(x86.NE, next))
		c.callHelper(id)
		c.emit(x86.Jmp(end))
		c.asm.Bind(next)
	}
	c.emit(x86.Ud2())
}

// tailCall leaves this frame for another program with the same context. The
// call fails, and the program goes on, when the limit is reached or when there
// is no program at that index.
//
// It replaces the frame of this function only, so that in a function that was
// called the other program returns to the caller.
func (c *compiler) tailCall() {
	failed := c.asm.NewLabel()
	if c.packed {
		c.packedTailCall(failed)
	} else {
		c.plainTailCall(failed)
	}
	c.unwind()
	c.emit(x86.Jmp(x86.RAX))
	c.asm.Bind(failed)
}

func (c *compiler) plainTailCall(failed x86.Label) {
	c.emit(
		x86.Test(x86.W32, tailCount, tailCount), x86.Jcc(x86.E, failed),
		x86.Mov(x86.W32, x86.RDX, x86.RDX),   // the index has 32 bits
		x86.Push(x86.RDI), x86.Push(x86.RDI)) // twice: rsp stays aligned
	c.callTarget(c.symbol(TargetTailCall, vm.TailCall), vm.TailCall)
	c.emit(
		x86.Pop(x86.RDI), x86.Pop(x86.RDI),
		x86.Test(x86.W64, x86.RAX, x86.RAX), x86.Jcc(x86.E, failed),
		x86.Dec(x86.W32, tailCount))
}

// packedTailCall hands on the context that the program was entered with, whatever r1
// is: helpers trust it.
func (c *compiler) packedTailCall(failed x86.Label) {
	c.emit(
		x86.Mov(x86.W64, scratch1, contextReg), x86.Shr(x86.W64, scratch1, x86.Imm(contextBits)), x86.Jcc(x86.E, failed),
		x86.Mov(x86.W32, x86.RDX, x86.RDX)) // the index has 32 bits
	c.giveContext(x86.R9)
	c.callTarget(c.symbol(TargetTailCall, vm.TailCall), vm.TailCall)
	c.emit(
		x86.Test(x86.W64, x86.RAX, x86.RAX), x86.Jcc(x86.E, failed),
		x86.MovImm(scratch1, 1<<contextBits), x86.Sub(x86.W64, contextReg, scratch1))
	c.giveContext(x86.RDI)
}

// checkTailCalls refuses them in what a helper may call back, as the kernel does: the
// helper keeps r12 for itself, so there would be no count.
func (c *compiler) checkTailCalls() {
	funcs := c.prog.Functions()
	known := make([]bool, len(funcs)) // to make none
	for _, fn := range funcs {
		if fn.Referenced && c.tailCalls(fn, known) {
			c.unsupported(fn.Start, "a function whose address is taken makes a tail call, or calls one that does")
		}
	}
}

// tailCalls asks the function and all that it calls.
func (c *compiler) tailCalls(fn vm.Function, known []bool) bool {
	if fn.TailCall {
		return true
	}
	for _, callee := range fn.Calls {
		if !known[callee] && c.tailCalls(c.prog.Functions()[callee], known) {
			return true
		}
		known[callee] = true
	}
	return false
}
