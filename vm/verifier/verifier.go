package verifier

import (
	"fmt"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// Limits says what an accepted program is not known to do, for the log; "" when
// nothing is left to say.
const Limits = "programs are checked structurally only: a program that loops for ever or follows a wrong pointer is not refused yet"

// Verified is a program that may run without run-time checks.
type Verified = proof.Verified

// Map is what the verifier has to know of a map; the numbers are the kernel's.
type Map struct {
	Name       string // for messages; may be ""
	Type       uint32 // enum bpf_map_type; 0: not known
	KeySize    uint32
	ValueSize  uint32
	MaxEntries uint32
	Flags      uint32
	Inner      *Map   // of a map of maps: what its entries are like
	Start      uint64 // of an arena: the address of its first byte, as its users see it
}

// Numbers of the kernel.
const (
	typeArray       = 2
	typeArrayOfMaps = 12
	typeHashOfMaps  = 13
	typeArena       = 33
	readOnlyProg    = 1 << 7 // BPF_F_RDONLY_PROG
	writeOnlyProg   = 1 << 8 // BPF_F_WRONLY_PROG
)

// Options are what the program will be given.
type Options struct {
	// Maps are the maps that the program refers to by index.
	Maps []Map

	// Helper reports which helpers there are; nil: those with a prototype in
	// vm/helper.
	Helper func(id int32) bool

	// Context is the size of what r1 points to at first. Programs only read it,
	// unless WriteContext is set.
	Context      int
	WriteContext bool
	// HiddenContext is how many bytes at its beginning are nobody's to read.
	HiddenContext int
}

// Verify proves the program, as far as Limits says. The error is a *vm.Error.
func Verify(p *vm.Program, opts Options) (*Verified, error) {
	if opts.Helper == nil {
		opts.Helper = hasPrototype
	}
	// What was validated before may have been validated less strictly.
	p, err := vm.Validate(p.Instructions(), vm.Options{Maps: len(opts.Maps), Helper: opts.Helper, Strict: true})
	if err != nil {
		return nil, err
	}
	c := newChecker(p, opts)
	if err := c.findArena(); err != nil {
		return nil, err
	}
	if err := c.run(); err != nil {
		return nil, err
	}
	w := c.follow()
	if c.arena == nil {
		return proof.Of(p, w.found), nil
	}
	if err := w.checkArena(); err != nil {
		return nil, err
	}
	return proof.OfArena(p, w.found, c.arena), nil
}

func hasPrototype(id int32) bool {
	_, ok := helper.ByID(id)
	return ok
}

// refuse is the error of the instruction at index i.
func (c *checker) refuse(i int, format string, args ...any) error {
	return &vm.Error{Slot: c.prog.Slot(i), Insn: c.prog.Instructions()[i], Reason: fmt.Sprintf(format, args...)}
}
