package jit

import (
	"errors"
	"fmt"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// ErrNoProof is returned for a program that nobody vouches for.
var ErrNoProof = errors.New("jit: the program was not verified")

// ErrUnsupported is wrapped where a valid program cannot be translated.
var ErrUnsupported = errors.New("jit: not supported")

// Options of a translation. The zero value suits every x86-64 processor and
// helpers anywhere in the address space.
type Options struct {
	// Features are the extensions the code may use; see HostFeatures.
	Features Features

	// Near reports whether a helper will lie within 2 GiB of the code. It is
	// then called directly (RelocRel32), else through a register (RelocAbs64).
	// nil: none.
	Near func(id int32) bool

	// CallX are the helpers that callx may call by number; see Code.
	CallX []int32

	// Context reports whether a helper takes a sixth argument: what r1 was when
	// the program was entered. nil: none. A helper that calls a function of the
	// program passes it on, as sixth argument too.
	Context func(id int32) bool

	// Inline reports how to do what a helper does without a call, nil: it is to be
	// called. It is asked for helpers of Context only. nil: none.
	Inline func(id int32) *Loads

	// Array describes a map, by its index, when bpf_map_lookup_elem is to be done
	// without a call. nil: none.
	Array func(index int32) (Array, bool)
}

// Align is what the address of Text should be a multiple of, for loops are laid
// out so. Elsewhere it runs too, if more slowly.
const Align = 32

// Code is a translated program: position-independent, to be relocated.
type Code struct {
	Text   []byte
	Relocs []Reloc // by offset

	// Entry is the offset of u64 fn(r1, r2, r3, r4, r5), a System V function.
	Entry int

	// TailEntry is the offset where a tail call of another program jumps to: the
	// value that its TargetTailCall returns is TailEntry's address. It is no
	// System V function, for r12 goes on counting.
	TailEntry int

	// Functions are the offsets of the functions, numbered as in the program.
	// An LDDW of a function loads such an address, and callx calls it. callx of
	// a number in Options.CallX calls that helper; any other value is undefined.
	Functions []int

	// Offsets say where the code of each instruction begins, by index, and where
	// all of it ends. Code of several instructions at once begins with the first;
	// what waits until it is needed stands there; what needs none has none.
	Offsets []int

	// Stack is how many bytes below its return address the program uses at
	// most, what helpers and tail-called programs use aside.
	Stack int
}

// Reloc is a field in Text that depends on where things are.
type Reloc struct {
	Offset int // in bytes, of the field
	Kind   RelocKind
	Target Target
	ID     int32 // helper number or map index
	Addend int64
}

// RelocKind says what is written into the field.
type RelocKind uint8

const (
	// RelocRel32 is a signed 32-bit distance: target + Addend - field's address.
	RelocRel32 = RelocKind(x86.RefRel32)
	// RelocAbs64 is a 64-bit address: target + Addend.
	RelocAbs64 = RelocKind(x86.RefAbs64)
)

// Target is what a relocation points to.
type Target uint8

const (
	// TargetHelper is machine code of the System V ABI that uses general
	// registers only: u64 helper(r1, r2, r3, r4, r5).
	TargetHelper Target = iota + 1
	// TargetTailCall is u64 find(ctx, array, u32 index), of the same kind, with the
	// context as sixth argument where there is Options.Context. It returns the address of a TailEntry, or 0 when there is no such program.
	TargetTailCall
	// TargetMap is what a reference to a map loads, TargetMapValue the address
	// of the map's value; Addend is the offset into it.
	TargetMap
	TargetMapValue
)

func (t Target) String() string {
	return [...]string{"?", "helper", "tail call", "map", "map value"}[t]
}

// compiler translates one program.
type compiler struct {
	asm    x86.Assembler
	prog   *vm.Program
	opts   Options
	insns  x86.Label // of the first instruction; the others follow, and the end
	funcs  []x86.Label
	frames []frame
	keeps  bool // the context in r12, for helpers
	packed bool // with the count of tail calls above it
	// What a reference to a function leads to: it, or an entry for helpers.
	callbacks []x86.Label
	cold      []func() // code to be placed behind the function
	arena     *proof.Arena

	// Of the function being translated:
	fn        vm.Function
	flow      *flow
	frame     *frame
	exit      x86.Label   // epilogue
	at        *block      // being translated
	following int         // block that is placed next, or none
	live      registerSet // after the instruction being translated
	values    values
	waiting   copies

	targets []Reloc // by symbol - 1
	err     error
}

// Compile translates the program. It fails with ErrNoProof, or with an error
// that wraps ErrUnsupported and names the instruction.
func Compile(v *proof.Verified, opts Options) (*Code, error) {
	prog := v.Program()
	if prog == nil {
		return nil, ErrNoProof
	}
	c := &compiler{prog: prog, opts: opts, arena: v.Arena()}
	c.newLabels()
	c.checkTailCalls()
	c.findContext()
	c.findCallbacks()
	for f := range prog.Functions() {
		c.frames = append(c.frames, c.layout(f))
	}
	entry := c.entry()
	for f := range prog.Functions() {
		c.function(f)
		c.callback(f)
	}
	c.asm.Bind(c.label(prog.Len()))
	if c.err != nil {
		return nil, c.err
	}
	return c.finish(entry)
}

func (c *compiler) newLabels() {
	c.asm.Grow(8 * c.prog.Len())
	c.insns = c.asm.NewLabels(c.prog.Len() + 1)
	for range c.prog.Functions() {
		c.funcs = append(c.funcs, c.asm.NewLabel())
	}
}

// label is that of the instruction at index i, or of the end.
func (c *compiler) label(i int) x86.Label { return c.insns + x86.Label(i) }

// finish lays the code out.
func (c *compiler) finish(entry x86.Label) (*Code, error) {
	text, refs, err := c.asm.Assemble()
	if err != nil {
		return nil, fmt.Errorf("jit: %w", err)
	}
	code := &Code{
		Text:      text,
		Entry:     c.offset(entry),
		TailEntry: c.offset(c.funcs[0]),
		Stack:     c.stack(entry),
	}
	for _, l := range c.callbacks {
		code.Functions = append(code.Functions, c.offset(l))
	}
	code.Offsets = make([]int, c.prog.Len()+1)
	for i := range code.Offsets {
		code.Offsets[i] = c.offset(c.label(i))
	}
	for _, ref := range refs {
		r := c.targets[ref.Symbol-1]
		r.Offset, r.Kind, r.Addend = ref.Offset, RelocKind(ref.Kind), ref.Addend
		code.Relocs = append(code.Relocs, r)
	}
	return code, nil
}

func (c *compiler) offset(l x86.Label) int {
	at, _ := c.asm.Offset(l)
	return at
}

// symbol is a new name for a relocation's target.
func (c *compiler) symbol(t Target, id int32) x86.Symbol {
	c.targets = append(c.targets, Reloc{Target: t, ID: id})
	return x86.Symbol(len(c.targets))
}

func (c *compiler) emit(instrs ...x86.Instr) {
	if c.waiting.n != 0 {
		c.flushCopies()
	}
	c.asm.Emit(instrs...)
}

// later places code behind the function, out of the way of what usually runs.
// It begins at the label returned and must jump back by itself.
func (c *compiler) later(code func()) x86.Label {
	l := c.asm.NewLabel()
	c.cold = append(c.cold, func() {
		c.asm.Bind(l)
		code()
	})
	return l
}

func (c *compiler) unsupported(i int, why string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: insn %d: %s: %s", ErrUnsupported, c.prog.Slot(i), c.prog.Instructions()[i], why)
	}
}
