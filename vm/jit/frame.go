package jit

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// frame is what a function keeps on the host's stack; doc.go draws it.
type frame struct {
	fp      bool      // r10 is used
	stack   *stackUse // how, then
	entered bool      // from outside: r1 is the context, to be kept
	depth   int       // bytes of BPF stack, a multiple of 8, and the counter
	counts  bool      // the last word of it counts may_gotos
	pad     int       // bytes
	saved   []x86.Reg // in the order they are pushed
}

// bytes is the size of the frame with the return address.
func (f *frame) bytes() int {
	n := 8 + f.depth + f.pad + 8*len(f.saved)
	if f.fp {
		n += 8
	}
	return n
}

// layout looks at what function number f uses.
func (c *compiler) layout(f int) frame {
	fn := c.prog.Functions()[f]
	used := registersUsed(c.prog.Instructions()[fn.Start:fn.End])
	fr := frame{fp: used[vm.R10], entered: f == 0 && c.keeps && !c.packed}
	if fr.entered {
		fr.saved = []x86.Reg{contextReg}
	}
	for _, r := range []vm.Register{vm.R6, vm.R7, vm.R8, vm.R9} {
		if used[r] {
			fr.saved = append(fr.saved, reg(r))
		}
	}
	if fr.fp {
		fr.stack = useOfStack(c.prog, f)
		fr.depth = (fr.stack.depth + 7) &^ 7
	}
	if slices.ContainsFunc(c.prog.Instructions()[fn.Start:fn.End], func(in vm.Instruction) bool { return in.OpCode == vm.MayGoto }) {
		fr.fp, fr.counts = true, true
		fr.depth += 8
	}
	if c.callsAny(fn) {
		fr.pad = (16 - fr.bytes()%16) % 16
	}
	return fr
}

func registersUsed(insns []vm.Instruction) (used [16]bool) {
	for _, in := range insns {
		used[in.Dst] = true
		if in.OpCode != vm.LDDW && in.OpCode != vm.JMP|vm.CALL { // there it is no register
			used[in.Src] = true
		}
	}
	return used
}

func (c *compiler) callsAny(fn vm.Function) bool {
	return slices.ContainsFunc(c.prog.Instructions()[fn.Start:fn.End], func(in vm.Instruction) bool {
		return in.OpCode == vm.CALLX || in.OpCode == vm.JMP|vm.CALL
	})
}

// entry makes the function that is called from outside. Only a program with
// tail calls needs one beside its main function: tail-called programs return
// to it, so that one place gives r12 back.
func (c *compiler) entry() x86.Label {
	if !c.anyTailCall() {
		return c.funcs[0]
	}
	l := c.asm.NewLabel()
	c.asm.Bind(l)
	c.emit(x86.Push(tailCount))
	if c.packed {
		c.emit(x86.MovImm(tailCount, vm.MaxTailCalls<<contextBits), x86.Or(x86.W64, contextReg, x86.RDI))
	} else {
		c.emit(x86.MovImm(tailCount, vm.MaxTailCalls))
	}
	c.emit(
		x86.Call(c.funcs[0]),
		x86.Pop(tailCount), x86.Ret())
	return l
}

func (c *compiler) prologue() {
	f := c.frame
	if f.fp {
		c.emit(x86.Push(x86.RBP), x86.Mov(x86.W64, x86.RBP, x86.RSP))
	}
	if n := f.depth + f.pad; n != 0 {
		c.emit(x86.Sub(x86.W64, x86.RSP, x86.Imm(n)))
	}
	for _, r := range f.saved {
		c.emit(x86.Push(r))
	}
	if f.counts {
		c.emit(x86.Store(f.counter(), x86.Imm(vm.MaxLoops), x86.W64))
	}
	if f.entered {
		c.emit(x86.Mov(x86.W64, contextReg, x86.RDI))
	}
}

// counter is how often may_goto still falls through.
func (f *frame) counter() x86.Mem { return x86.Ptr(x86.RBP, -int32(f.depth)) }

// unwind undoes the prologue.
func (c *compiler) unwind() {
	f := c.frame
	for _, r := range slices.Backward(f.saved) {
		c.emit(x86.Pop(r))
	}
	switch {
	case f.fp && f.depth+f.pad != 0:
		c.emit(x86.Leave())
	case f.fp:
		c.emit(x86.Pop(x86.RBP))
	case f.pad != 0:
		c.emit(x86.Add(x86.W64, x86.RSP, x86.Imm(f.pad)))
	}
}

func (c *compiler) epilogue() {
	c.unwind()
	c.emit(x86.Ret())
}

// leave returns from the function: through its one epilogue, unless that is
// shorter than the jump, or next anyway.
func (c *compiler) leave() {
	f := c.frame
	switch {
	case c.following == none:
	case !f.fp && len(f.saved) == 0 && f.pad == 0:
		c.emit(x86.Ret())
	default:
		c.emit(x86.Jmp(c.exit))
	}
}

// stack is the deepest chain of frames below the return address of the entry.
func (c *compiler) stack(entry x86.Label) int {
	sizes := make([]int, len(c.frames))
	total := c.chain(0, sizes)
	if takesAddresses(c.prog) { // any function may call any
		for f := range c.frames {
			total = max(total, vm.MaxDepth*(c.own(f)+callbackEntry))
		}
	}
	if entry != c.funcs[0] {
		return total + 8 // r12
	}
	return total - 8 // the return address itself
}

// callbackEntry is what callback pushes.
const callbackEntry = 16

// chain is what function f and its callees need; sizes keeps what is known.
// There is no recursion, and no chain is deeper than vm.MaxDepth.
func (c *compiler) chain(f int, sizes []int) int {
	if sizes[f] == 0 {
		deepest := 0
		for _, callee := range c.prog.Functions()[f].Calls {
			deepest = max(deepest, c.chain(callee, sizes))
		}
		sizes[f] = deepest + c.own(f)
	}
	return sizes[f]
}

// own is the frame of function f with what tailCall pushes.
func (c *compiler) own(f int) int {
	if c.prog.Functions()[f].TailCall && !c.packed {
		return c.frames[f].bytes() + 16
	}
	return c.frames[f].bytes()
}
