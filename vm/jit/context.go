package jit

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// contextReg keeps the context for helpers that take it. It is the register that
// counts tail calls, and kept by whoever is called, so all functions of a program
// find it; but a function that a helper calls back does not.
const contextReg = x86.R12

func (c *compiler) takesContext(id int32) bool {
	return c.opts.Context != nil && c.opts.Context(id)
}

// findContext looks for helpers that take the context, and for what makes it
// impossible to have it there.
func (c *compiler) findContext() {
	for f, fn := range c.prog.Functions() {
		for i := fn.Start; i < fn.End; i++ {
			in := c.prog.Instructions()[i]
			if !in.IsHelperCall() || !c.takesContext(int32(in.Imm)) {
				continue
			}
			c.keeps = true
			if c.calledBack(f) {
				c.unsupported(i, "it is called in a function whose address is taken, which has no context to give")
			}
		}
	}
	if !c.keeps {
		return
	}
	for _, fn := range c.prog.Functions() {
		if fn.TailCall {
			c.unsupported(fn.Start, "a program with tail calls also calls a helper that takes the context")
		}
		if slices.Contains(fn.Calls, 0) {
			c.unsupported(fn.Start, "it calls the function that the program is entered by, which keeps the context")
		}
	}
}

// calledBack reports whether a function may run in one that a helper calls.
func (c *compiler) calledBack(f int) bool {
	funcs := c.prog.Functions()
	return slices.ContainsFunc(funcs, func(from vm.Function) bool {
		return from.Referenced && (from.Start == funcs[f].Start || c.reaches(from, f))
	})
}

// reaches reports whether a function calls f, by whatever way. Calls go no deeper
// than vm.MaxDepth.
func (c *compiler) reaches(from vm.Function, f int) bool {
	return slices.ContainsFunc(from.Calls, func(callee int) bool {
		return callee == f || c.reaches(c.prog.Functions()[callee], f)
	})
}
