package gen

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/bpftime-go/bpftime/vm"
)

// generator makes the functions of one case.
type generator struct {
	*rand.Rand
	opts  Options
	fn    *function // that is being made
	count int       // number of functions
	self  int       // number of fn
	loops int       // around the statement that is being made
	calls int       // that fn may still make
}

// edges are the numbers at which operations change their mind.
var edges = []uint64{
	0, 1, 2, 7, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000,
	0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
	0xffffffff80000000, 0xffffffff00000000, 0xfffffffffffffffe, 0xffffffffffffffff,
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) coin() bool { return g.IntN(2) == 0 }

func (g *generator) number() uint64 {
	if g.coin() {
		return pick(g, edges...)
	}
	return g.Uint64()
}

func (g *generator) imm() int64 { return int64(int32(g.number())) }

func (g *generator) reg() vm.Register { return vm.Register(g.IntN(10)) }

// regBut is any register but these.
func (g *generator) regBut(not ...vm.Register) vm.Register {
again:
	r := g.reg()
	for _, n := range not {
		if r == n {
			goto again
		}
	}
	return r
}

// fill fills memory with numbers.
func (g *generator) fill(b []byte) {
	for i := 0; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], g.number())
	}
}

// functions makes all of them. A function calls only later ones, so the chain is
// at most as long as there are functions: 8, the kernel's limit. The kernel also
// counts 512 bytes of stack over all frames of a chain.
func (g *generator) functions() []function {
	g.count = 1 + g.IntN(8)*g.IntN(2)
	if g.opts.Kernel {
		g.count = min(g.count, 4)
	}
	funcs := make([]function, g.count)
	for i := range funcs {
		g.self, g.fn, g.calls = i, &funcs[i], 3
		g.fn.main = i == 0
		g.fn.area = g.areaSize()
		size := 3 + g.IntN(8)
		if g.fn.main {
			size = g.opts.Size/2 + g.IntN(g.opts.Size)
		}
		g.fn.body = g.block(size, 0)
		if i+1 < g.count && g.IntN(8) != 0 {
			g.fn.body = slices.Insert(g.fn.body, g.IntN(size+1), g.callOf(i+1))
		}
	}
	return funcs
}

// areaSize is up to the whole of the frame, and most often small.
func (g *generator) areaSize() int {
	free := vm.FrameSize + loopBottom
	switch {
	case g.fn.main:
		free = vm.FrameSize + saveBottom
	case g.opts.Kernel:
		return 32
	}
	if g.opts.Kernel || g.IntN(4) != 0 {
		return 64
	}
	return free
}

func (g *generator) block(size, depth int) []statement {
	statements := make([]statement, size)
	for i := range statements {
		statements[i] = g.statement(depth)
	}
	return statements
}

func (g *generator) statement(depth int) statement {
	switch k := g.IntN(40); {
	case k < 10:
		return statement{code: []vm.Instruction{g.alu()}}
	case k < 20:
		return g.idiom()
	case k < 26:
		return statement{code: g.memory()}
	case k < 29:
		return statement{code: g.atomic()}
	case k < 31:
		return statement{code: []vm.Instruction{loadConstant(g.reg(), g.number())}}
	case k < 37 && depth < 4 && !g.tooManyPaths():
		return g.arms(depth)
	case k < 38 && g.loops < 2 && depth < 3 && !g.tooManyPaths():
		if g.coin() {
			return g.counted()
		}
		return g.loop(depth)
	case k < 39 && g.loops == 0:
		return g.call()
	}
	return statement{code: []vm.Instruction{g.alu()}}
}

// tooManyPaths is true most often in loops for the kernel, whose verifier walks
// every path of every iteration and gives up after a million instructions.
func (g *generator) tooManyPaths() bool {
	return g.opts.Kernel && g.loops > 0 && g.IntN(5) != 0
}

func (g *generator) arms(depth int) statement {
	branch := g.condition()
	s := statement{branch: &branch, then: g.block(1+g.IntN(5), depth+1)}
	if g.IntN(3) == 0 {
		s.orElse = g.block(1+g.IntN(4), depth+1)
		s.long = g.opts.CPU >= 4 && g.coin()
	}
	return s
}

// condition jumps over the then arm.
func (g *generator) condition() vm.Instruction {
	ops := []vm.OpCode{vm.JEQ, vm.JGT, vm.JGE, vm.JSET, vm.JNE, vm.JSGT, vm.JSGE}
	if g.opts.CPU >= 2 {
		ops = append(ops, vm.JLT, vm.JLE, vm.JSLT, vm.JSLE)
	}
	in := vm.Instruction{OpCode: vm.JMP | pick(g, ops...), Dst: g.reg()}
	if g.opts.CPU >= 3 && g.coin() {
		in.OpCode = in.OpCode&^7 | vm.JMP32
	}
	return g.withOperand(in, g.imm())
}

// withOperand adds a register or the immediate.
func (g *generator) withOperand(in vm.Instruction, imm int64) vm.Instruction {
	if g.coin() {
		in.OpCode |= vm.X
		in.Src = g.reg()
	} else {
		in.Imm = imm
	}
	return in
}

func (g *generator) loop(depth int) statement {
	counters := []int16{outerLoop, innerLoop}
	s := statement{times: 2 + g.IntN(4), counter: counters[g.loops]}
	g.loops++
	s.body = g.block(1+g.IntN(6), depth+1)
	g.loops--
	return s
}

// counted makes a loop of straight code, now and then one whose number of rounds
// is not known beforehand.
func (g *generator) counted() statement {
	most := int64(20)
	if g.opts.Kernel {
		most = 3 // its verifier walks them
	}
	rounds, step := 1+g.Int64N(most), pick[int64](g, 1, 1, 4, 8, -1, -2, 100)
	start := pick[int64](g, 0, 0, 1, -3, 1000)
	k := &counted{r: g.reg(), step: step, until: start + rounds*step}
	k.stepFirst, k.subtracts, k.leaves = g.IntN(4) == 0, g.IntN(4) == 0, g.coin()
	k.init = []vm.Instruction{alu64Imm(vm.MOV, k.r, start)}
	switch variant := g.IntN(6); {
	case variant == 0 && !g.opts.Kernel: // from an unknown one of the first eight rounds
		k.init = []vm.Instruction{alu64Imm(vm.AND, k.r, 7)}
		k.step, k.until = 1, 7+rounds
		if k.stepFirst = false; g.coin() {
			k.init = append(k.init, alu64Imm(vm.ADD, k.r, 0))
		}
	case variant == 1: // from one of two places
		over := g.condition()
		over.Off = 1
		k.init = append(k.init, over, alu64Imm(vm.MOV, k.r, start+step*g.Int64N(rounds)))
	}
	s := statement{count: k}
	for len(s.body) < 1+g.IntN(4) {
		if code := g.straight(); !writes(code, k.r) {
			s.body = append(s.body, statement{code: code})
		}
	}
	return s
}

// straight is code without jumps.
func (g *generator) straight() []vm.Instruction {
	switch g.IntN(6) {
	case 0:
		return g.memory()
	case 1:
		return g.indexed()
	case 2:
		return g.changeInMemory()
	case 3:
		return g.sums()
	}
	return []vm.Instruction{g.alu()}
}

// writes reports whether straight code without atomics writes the register.
func writes(code []vm.Instruction, r vm.Register) bool {
	return slices.ContainsFunc(code, func(in vm.Instruction) bool {
		class := in.OpCode.Class()
		return in.Dst == r && (in.OpCode.IsALU() || class == vm.LDX || class == vm.LD)
	})
}
