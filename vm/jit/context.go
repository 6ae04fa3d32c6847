package jit

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// contextReg keeps the context for helpers that take it: kept by whoever is called, so
// all functions of a program find it. It is the register that counts tail calls, too.
// A program with both has them in it together, since an address of a process has 47
// bits:
//
//	63      48 47                   0
//	tail calls | context
//	  left     |
//
// A function that a helper calls back gets the context from it, as a sixth argument; see
// callback.
const (
	contextReg  = x86.R12
	contextBits = 48
)

func (c *compiler) takesContext(id int32) bool {
	return c.opts.Context != nil && c.opts.Context(id)
}

// findContext looks for helpers that take the context, and for what makes it
// impossible to have it there.
func (c *compiler) findContext() {
	for _, in := range c.prog.Instructions() {
		c.keeps = c.keeps || in.IsHelperCall() && c.takesContext(int32(in.Imm))
	}
	funcs := c.prog.Functions()
	if !c.keeps {
		return
	}
	c.packed = c.anyTailCall()
	for _, fn := range funcs {
		if slices.Contains(fn.Calls, 0) {
			c.unsupported(fn.Start, "it calls the function that the program is entered by, which keeps the context")
		}
	}
	if funcs[0].Referenced {
		c.unsupported(0, "the address of the function that the program is entered by is taken, and it keeps the context")
	}
}

func (c *compiler) anyTailCall() bool {
	return slices.ContainsFunc(c.prog.Functions(), func(f vm.Function) bool { return f.TailCall })
}

// giveContext puts the context into a register.
func (c *compiler) giveContext(to x86.Reg) {
	c.emit(x86.Mov(x86.W64, to, contextReg))
	if c.packed {
		c.emit(x86.Shl(x86.W64, to, x86.Imm(64-contextBits)), x86.Shr(x86.W64, to, x86.Imm(64-contextBits)))
	}
}

// findCallbacks makes an entry of its own for each function that a helper may call.
func (c *compiler) findCallbacks() {
	c.callbacks = slices.Clone(c.funcs)
	for f, fn := range c.prog.Functions() {
		if fn.Referenced && c.keeps {
			c.callbacks[f] = c.asm.NewLabel()
		}
	}
}

// callback is what a reference to function f leads to: the helper that calls it has r12
// for itself, and gives the context as sixth argument. No tail call is left there.
func (c *compiler) callback(f int) {
	if c.callbacks[f] == c.funcs[f] {
		return
	}
	c.asm.Bind(c.callbacks[f])
	c.emit(
		x86.Push(contextReg), x86.Mov(x86.W64, contextReg, x86.R9),
		x86.Call(c.funcs[f]),
		x86.Pop(contextReg), x86.Ret())
}
