package x86

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrLabel is wrapped by errors about labels: never bound, bound twice, of
// another assembler, or too far away.
var ErrLabel = errors.New("x86: bad label")

// Assembler collects instructions and lays them out. Use:
//
//	var a x86.Assembler
//	loop := a.NewLabel()
//	a.Bind(loop)
//	a.Emit(x86.Dec(x86.W64, x86.RCX), x86.Jcc(x86.NE, loop), x86.Ret())
//	code, refs, err := a.Assemble()
//
// Errors are kept until then. The zero value is ready; it is used once and by
// one goroutine.
type Assembler struct {
	buf       []byte // everything but jumps to labels
	jumps     []jump
	labels    []mark
	fields    []placedField
	grown     []int // filled by Assemble: bytes of the jumps before jump i
	assembled bool
	err       error
}

// maxCode keeps every distance within 32 bits.
const maxCode = 1 << 30

// mark is a place between the bytes of buf and the jumps: after at bytes and
// the first jumps jumps. A place before any code is no mark: bound tells.
type mark struct {
	at, jumps int
	bound     bool
}

// jump is a jmp or jcc to a label, which has a short and a long form, or the
// padding before an aligned place, which has up to align-1 bytes.
type jump struct {
	at    int // the jump stands after that many bytes of buf
	label Label
	op    mnemonic
	cond  Cond
	short bool
	align int // 0: no padding
	pad   int // bytes of padding
}

type placedField struct {
	mark
	field
}

// RefKind is how a Reference is resolved.
type RefKind uint8

const (
	// RefRel32: a signed 32-bit little-endian distance, S + Addend - P, where S
	// is the symbol's address and P that of the field (ELF: R_X86_64_PC32).
	RefRel32 RefKind = iota + 1
	// RefAbs64: the 64-bit little-endian address S + Addend (R_X86_64_64).
	RefAbs64
)

// Reference is a field in the code that must hold the place of a symbol.
type Reference struct {
	Offset int // of the field in the code, in bytes
	Kind   RefKind
	Symbol Symbol
	Addend int64
}

// NewLabel makes a label, not yet bound to a place.
func (a *Assembler) NewLabel() Label { return a.NewLabels(1) }

// NewLabels makes n labels with consecutive numbers and returns the first.
func (a *Assembler) NewLabels(n int) Label {
	first := Label(len(a.labels) + 1)
	a.labels = append(a.labels, make([]mark, n)...)
	return first
}

// Grow makes room for n bytes, so that emitting them allocates nothing.
func (a *Assembler) Grow(n int) { a.buf = slices.Grow(a.buf, n) }

// Bind puts the label before the next instruction.
func (a *Assembler) Bind(l Label) {
	m := a.label(l)
	switch {
	case m == nil:
		a.fail(fmt.Errorf("%w: L%d is not of this assembler", ErrLabel, l))
	case m.bound:
		a.fail(fmt.Errorf("%w: L%d is bound twice", ErrLabel, l))
	default:
		*m = a.here()
	}
}

// Emit appends instructions.
func (a *Assembler) Emit(instrs ...Instr) {
	for i := range instrs {
		a.emit(&instrs[i])
	}
}

func (a *Assembler) emit(in *Instr) {
	if (in.op == opJmp || in.op == opJcc) && in.kinds[0] == isTarget && in.sym == 0 {
		a.jumps = append(a.jumps, jump{at: len(a.buf), label: in.label, op: in.op, cond: in.cond})
		return
	}
	at := a.here()
	buf, ref, err := in.append(a.buf)
	if err != nil {
		a.fail(err)
		return
	}
	a.buf = buf
	if ref.kind != 0 {
		at.at += ref.at
		a.fields = append(a.fields, placedField{at, ref})
	}
}

// Align pads with nops, so that the next instruction begins at a multiple of n,
// a power of two, from the start of the code.
func (a *Assembler) Align(n int) {
	a.jumps = append(a.jumps, jump{at: len(a.buf), align: n, pad: n - 1})
}

// Data appends bytes as they are.
func (a *Assembler) Data(b ...byte) { a.buf = append(a.buf, b...) }

func (a *Assembler) here() mark { return mark{at: len(a.buf), jumps: len(a.jumps), bound: true} }

func (a *Assembler) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *Assembler) label(l Label) *mark {
	if l == 0 || int(l) > len(a.labels) {
		return nil
	}
	return &a.labels[l-1]
}

// Assemble lays the code out and returns it with the fields that name symbols,
// by offset. Instructions that do not exist and bad labels are errors here.
func (a *Assembler) Assemble() ([]byte, []Reference, error) {
	a.checkLabels()
	if len(a.buf) > maxCode || len(a.jumps) > maxCode/8 {
		a.fail(fmt.Errorf("%w: %d bytes and %d jumps are too much for rel32", ErrLabel, len(a.buf), len(a.jumps)))
	}
	if a.err != nil {
		return nil, nil, a.err
	}
	a.relax()
	code := a.join()
	refs, err := a.resolve(code)
	a.assembled = true
	return code, refs, err
}

// Offset is where a label lies in the code, in bytes, after Assemble.
func (a *Assembler) Offset(l Label) (int, bool) {
	m := a.label(l)
	if m == nil || !m.bound || !a.assembled {
		return 0, false
	}
	return a.place(*m), true
}

func (a *Assembler) checkLabels() {
	for _, j := range a.jumps {
		if j.align == 0 {
			a.checkLabel(j.label)
		}
	}
	for _, f := range a.fields {
		if f.sym == 0 {
			a.checkLabel(f.label)
		}
	}
}

func (a *Assembler) checkLabel(l Label) {
	if m := a.label(l); m == nil || !m.bound {
		a.fail(fmt.Errorf("%w: L%d is used but not bound", ErrLabel, l))
	}
}

// join copies the pieces between the jumps, and the jumps.
func (a *Assembler) join() []byte {
	code := make([]byte, 0, len(a.buf)+a.grown[len(a.jumps)])
	from := 0
	for i, j := range a.jumps {
		code = append(code, a.buf[from:j.at]...)
		if j.align != 0 {
			code = appendNops(code, j.pad)
		} else {
			code = j.append(code, a.distance(i))
		}
		from = j.at
	}
	return append(code, a.buf[from:]...)
}

// appendNops fills n bytes with as few instructions as possible.
func appendNops(b []byte, n int) []byte {
	for ; n > 0; n -= min(n, len(nops)-1) {
		b = append(b, nops[min(n, len(nops)-1)]...)
	}
	return b
}

func (j jump) append(b []byte, distance int) []byte {
	switch {
	case j.short && j.op == opJcc:
		return append(b, 0x70+byte(j.cond), byte(distance))
	case j.short:
		return append(b, 0xeb, byte(distance))
	case j.op == opJcc:
		return appendDisp32(append(b, 0x0f, 0x80+byte(j.cond)), int32(distance))
	}
	return appendDisp32(append(b, 0xe9), int32(distance))
}

// resolve fills in the fields that name labels and lists those that name
// symbols.
func (a *Assembler) resolve(code []byte) ([]Reference, error) {
	var refs []Reference
	for _, f := range a.fields {
		at := a.place(f.mark)
		if f.sym != 0 {
			refs = append(refs, Reference{Offset: at, Kind: f.kind, Symbol: f.sym, Addend: f.add})
			continue
		}
		d := int64(a.place(a.labels[f.label-1])-at) + f.add
		if d != int64(int32(d)) {
			return nil, fmt.Errorf("%w: L%d is %d bytes away", ErrLabel, f.label, d)
		}
		binary.LittleEndian.PutUint32(code[at:], uint32(d))
	}
	return refs, nil
}
