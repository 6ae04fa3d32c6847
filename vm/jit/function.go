package jit

import (
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// function translates the function number f.
func (c *compiler) function(f int) {
	fn := c.prog.Functions()[f]
	c.fn, c.frame, c.exit = fn, &c.frames[f], c.asm.NewLabel()
	c.flow = flowOf(c.prog, fn)
	c.asm.Bind(c.funcs[f])
	c.prologue()
	order := c.flow.order()
	for n, b := range order {
		c.following = none
		if n+1 < len(order) {
			c.following = order[n+1]
		}
		c.block(&c.flow.blocks[b])
	}
	c.bindRest(order)
	c.asm.Bind(c.exit)
	c.epilogue()
	for len(c.cold) > 0 {
		cold := c.cold
		c.cold = nil
		for _, code := range cold {
			code()
		}
	}
}

// block translates a block and goes on to the one that comes after it.
func (c *compiler) block(b *block) {
	c.at = b
	if b.isHead {
		c.asm.Align(Align)
	}
	c.asm.Bind(c.label(b.start))
	for range b.rounds - 1 {
		c.instructions(b.start, b.end-1, false)
	}
	c.instructions(b.start, b.end, true)
	c.settleAll()
	c.flushCopies()
	if b.next != none {
		c.goTo(b.next)
	}
}

// instructions translates a block, or all of it but its jump. The labels of the
// instructions are bound in the last of its rounds.
func (c *compiler) instructions(from, to int, last bool) {
	for i := from; i < to; {
		c.live = c.flow.liveAfter(i)
		n := c.fuse(i, c.flow.insns[i:to])
		if n == 0 {
			c.instruction(i)
			n = 1
		}
		c.values.deferred &= c.live
		for range n {
			if i++; last && i < to {
				c.asm.Bind(c.label(i))
			}
		}
	}
}

// instruction translates the instruction at index i.
func (c *compiler) instruction(i int) {
	in := c.flow.insns[i]
	switch in.OpCode.Class() {
	case vm.ALU, vm.ALU64:
		c.alu(in)
	case vm.JMP, vm.JMP32:
		c.jump(i, in)
	case vm.LD:
		c.lddw(i, in)
	default:
		c.memory(i, in)
	}
}

// goTo jumps to a block, unless it follows anyway.
func (c *compiler) goTo(b int) {
	if b != c.following {
		c.emit(x86.Jmp(c.blockLabel(b)))
	}
}

func (c *compiler) blockLabel(b int) x86.Label { return c.label(c.flow.blocks[b].start) }

// bindRest puts the labels of instructions without code of their own at the end
// of the function.
func (c *compiler) bindRest(order []int) {
	placed := make([]bool, len(c.flow.blocks))
	for _, b := range order {
		placed[b] = true
	}
	for n, b := range c.flow.blocks {
		for i := b.start; i < b.end && !placed[n]; i++ {
			c.asm.Bind(c.label(i))
		}
	}
}
