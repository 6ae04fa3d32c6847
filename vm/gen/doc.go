// Package gen makes random programs that are valid and end, runs them on several
// engines, and reduces those on which the engines disagree.
//
// Protocol. Generate makes a Case of a seed, always the same one. Its Program
// needs one helper at most, no map, and r1 pointing to memory of MemSize bytes;
// it writes the final value of every register and of its stack into that memory,
// so that Compare, which looks at r0 and the memory, sees all of its state. All
// it computes with comes from the memory, so that no engine folds it away.
// Reduce makes a smaller Case on which the engines still disagree. Seeds mean
// another program as soon as the generator changes, so what was found is kept as
// text: the error of Compare has it ready for vm/testdata/isa/16_found.txt.
//
// A program is a tree of statements, laid out as instructions by emit; reducing
// takes statements away. Between statements every register holds a number, never
// an address, so statements can be taken away freely and results do not depend
// on where memory lies.
//
// The memory: 128 bytes of random numbers, that the program also writes to;
// then what it writes at its end: r0 to r9, and its stack area.
package gen

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/bpftime-go/bpftime/vm"
)

// Options say what programs may contain. The zero value allows everything.
type Options struct {
	// CPU is the version of the instruction set, 1 to 4; 0 means 4. It limits
	// what is new in each: jumps (2, 3), 32-bit jumps and the atomics that
	// fetch (3), and the rest (4).
	CPU int

	// Kernel leaves out what the kernel's verifier does not take: callx,
	// helpers of ours, whole stack frames and deep call chains.
	Kernel bool

	// NoFetch leaves out the atomics that fetch, after which Linux 6.18 prunes
	// branches wrongly.
	NoFetch bool

	// Helper is the number of a helper that returns its first argument; 0
	// means that none is called.
	Helper int32

	// Size is about how many statements the main function has; 0 means 30.
	Size int
}

func (o Options) withDefaults() Options {
	if o.CPU == 0 {
		o.CPU = 4
	}
	if o.Size == 0 {
		o.Size = 30
	}
	if o.Kernel {
		o.Helper = 0
	}
	return o
}

// Sizes in bytes.
const (
	inputSize = 128
	saveSize  = 10 * 8 // r0 to r9

	// ResultOffset is where the memory holds r0 at the end, the result too.
	ResultOffset = inputSize
)

// Case is a program with its input.
type Case struct {
	Seed  uint64
	Input []byte // the memory at the start

	funcs []function // the main one first
}

// Generate makes the case of a seed.
func Generate(seed uint64, opts Options) *Case {
	g := &generator{
		Rand: rand.New(rand.NewPCG(seed, 0x62_70_66)),
		opts: opts.withDefaults(),
	}
	c := &Case{Seed: seed, funcs: g.functions()}
	c.Input = make([]byte, c.MemSize())
	g.fill(c.Input[:inputSize])
	return c
}

// MemSize is the size of the memory in bytes.
func (c *Case) MemSize() int { return inputSize + saveSize + c.funcs[0].area }

// Program lays the program out.
func (c *Case) Program() (*vm.Program, error) {
	p, err := vm.Validate(c.instructions(), vm.Options{})
	if err != nil {
		return nil, fmt.Errorf("gen: seed %d: %w", c.Seed, err)
	}
	return p, nil
}

// Statements counts what can be taken away, in the functions that are called.
func (c *Case) Statements() int {
	n := 0
	called := map[int]bool{0: true}
	for i := range c.funcs {
		if called[i] {
			markCalls(c.funcs[i].body, called)
			n += count(c.funcs[i].body)
		}
	}
	return n
}

func count(block []statement) int {
	n := len(block)
	for _, s := range block {
		n += count(s.then) + count(s.orElse) + count(s.body)
	}
	return n
}

// HasFetch reports whether the program has an atomic that fetches.
func (c *Case) HasFetch() bool {
	for _, in := range c.instructions() {
		if in.OpCode.Class() == vm.STX && in.OpCode.Mode() == vm.ATOMIC && in.Imm&vm.FETCH != 0 {
			return true
		}
	}
	return false
}

// String is the program as vm.Assemble reads it, one instruction a line.
func (c *Case) String() string {
	var b strings.Builder
	for _, in := range c.instructions() {
		fmt.Fprintf(&b, "\t%s\n", in)
	}
	return b.String()
}
