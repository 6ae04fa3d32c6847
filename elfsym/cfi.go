package elfsym

import (
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
)

// CFA is the rule for the canonical frame address, the value rsp had before the
// call: Reg + Off. Known is false when an expression computes it.
type CFA struct {
	Reg   x86.Reg
	Off   int64
	Known bool
}

// CFARow says that CFA holds from PC up to the next row, or the function's end.
type CFARow struct {
	PC  uint64
	CFA CFA
}

// noCFA is the rule where there is none, or none that can be said.
var noCFA = CFA{Reg: x86.NoReg}

// dwarfRegs are the general registers in the order of DWARF (System V psABI
// x86-64, figure 3.36).
var dwarfRegs = [...]x86.Reg{
	x86.RAX, x86.RDX, x86.RCX, x86.RBX, x86.RSI, x86.RDI, x86.RBP, x86.RSP,
	x86.R8, x86.R9, x86.R10, x86.R11, x86.R12, x86.R13, x86.R14, x86.R15,
}

// CFAs returns the frame rules of fn, in ascending order of PC. The first row
// is at fn.Lo; neighbours with the same rule are one row. Code that no FDE
// describes has an unknown rule. It is an error if that is all of fn.
func (f *File) CFAs(fn Func) ([]CFARow, error) {
	rows, err := f.cfas(fn)
	if err != nil {
		return nil, fmt.Errorf("%s: frames of %#x-%#x: %w", f.name, fn.Lo, fn.Hi, err)
	}
	return rows, nil
}

func (f *File) cfas(fn Func) ([]CFARow, error) {
	var rows rowList
	described := false
	err := f.eachFDE(fn, func(d fde) error {
		described = true
		rows.add(d.lo, noCFA)
		if err := d.interpret(&rows); err != nil {
			return err
		}
		rows.add(d.hi, noCFA)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !described {
		return nil, fmt.Errorf("no FDE describes it")
	}
	return rows.clip(fn), nil
}

// eachFDE visits the FDEs that describe code of fn, in order.
func (f *File) eachFDE(fn Func, visit func(fde) error) error {
	fs, err := f.ehFrames()
	if err != nil {
		return err
	}
	for at := fn.Lo; at < fn.Hi; {
		d, ok, err := fs.next(at, fn.Hi)
		if err != nil || !ok {
			return err
		}
		if err := visit(d); err != nil {
			return err
		}
		at = d.hi
	}
	return nil
}

// rowList is rows in ascending order of PC.
type rowList []CFARow

// add appends a row; the last word about an address counts.
func (r *rowList) add(pc uint64, cfa CFA) {
	if n := len(*r); n > 0 && (*r)[n-1].PC == pc {
		*r = (*r)[:n-1]
	}
	if n := len(*r); n > 0 && (*r)[n-1].CFA == cfa {
		return
	}
	*r = append(*r, CFARow{pc, cfa})
}

// clip keeps what lies in fn and lets the first row begin there.
func (r rowList) clip(fn Func) []CFARow {
	rows := rowList{{fn.Lo, noCFA}}
	for _, row := range r {
		if row.PC >= fn.Hi {
			break
		}
		rows.add(max(row.PC, fn.Lo), row.CFA)
	}
	return slices.Clip(rows)
}

// frameState is what the instructions change: the rules of the CFA and of the two
// registers that a walk up the stack needs (unwind.go).
type frameState struct {
	reg    uint64
	off    int64
	expr   bool
	text   string // of the expression
	bp, ra regRule
}

func (s frameState) cfa() CFA {
	if s.expr || s.reg >= uint64(len(dwarfRegs)) {
		return noCFA
	}
	return CFA{Reg: dwarfRegs[s.reg], Off: s.off, Known: true}
}

// interpreter executes call frame instructions (DWARF 5, section 6.4.2).
type interpreter struct {
	cursor
	d     *fde
	pc    uint64
	state frameState
	saved []frameState
	first frameState // behind the CIE's instructions
	add   func(pc uint64, s *frameState)
}

// interpret executes the instructions of the CIE and then those of d, and adds
// a row for each address up to d.hi where the rule changes.
func (d *fde) interpret(rows *rowList) error {
	return d.each(func(pc uint64, s *frameState) { rows.add(pc, s.cfa()) })
}

// each visits every address up to d.hi where the state may change.
func (d *fde) each(add func(pc uint64, s *frameState)) error {
	in := interpreter{
		cursor: cursor{b: d.cie.instructions, vaddr: d.cie.vaddr},
		d:      d, pc: d.lo, add: add,
		state: frameState{expr: true},
	}
	if err := in.run(); err != nil {
		return err
	}
	in.first = in.state
	in.cursor = cursor{b: d.instructions, vaddr: d.vaddr}
	if err := in.run(); err != nil {
		return err
	}
	if in.pc < d.hi {
		in.add(in.pc, &in.state)
	}
	return nil
}

func (in *interpreter) run() error {
	for in.more() && in.pc < in.d.hi {
		at := in.addr()
		if op := in.u8(); !in.step(op) || in.short {
			return fmt.Errorf("%w: .eh_frame: instruction %#x at %#x", ErrFormat, op, at)
		}
	}
	return nil
}

// advance ends the row at pc and begins one delta bytes further on.
func (in *interpreter) advance(delta uint64) bool {
	in.add(in.pc, &in.state)
	if delta > in.d.hi-in.pc {
		delta = in.d.hi - in.pc // behind the function: nothing more to say
	}
	in.pc += delta
	return true
}

// Call frame instructions. The first three hold an operand in their low six
// bits.
const (
	cfaAdvanceLoc = 0x40
	cfaOffset     = 0x80
	cfaRestore    = 0xc0

	cfaNop             = 0x00
	cfaSetLoc          = 0x01
	cfaAdvanceLoc1     = 0x02
	cfaAdvanceLoc2     = 0x03
	cfaAdvanceLoc4     = 0x04
	cfaOffsetExtended  = 0x05
	cfaRestoreExtended = 0x06
	cfaUndefined       = 0x07
	cfaSameValue       = 0x08
	cfaRegister        = 0x09
	cfaRememberState   = 0x0a
	cfaRestoreState    = 0x0b
	cfaDefCFA          = 0x0c
	cfaDefCFARegister  = 0x0d
	cfaDefCFAOffset    = 0x0e
	cfaDefCFAExpr      = 0x0f
	cfaExpression      = 0x10
	cfaOffsetExtSF     = 0x11
	cfaDefCFASF        = 0x12
	cfaDefCFAOffsetSF  = 0x13
	cfaValOffset       = 0x14
	cfaValOffsetSF     = 0x15
	cfaValExpression   = 0x16
	cfaGNUArgsSize     = 0x2e
	cfaGNUNegOffsetExt = 0x2f
)

// step executes one instruction; false when it is unknown or makes no sense.
func (in *interpreter) step(op byte) bool {
	c := in.d.cie
	low := uint64(op & 0x3f)
	switch op & 0xc0 {
	case cfaAdvanceLoc:
		return in.advance(low * c.codeAlign)
	case cfaOffset:
		in.set(low, regRule{kind: atCFA, off: int64(in.uleb()) * c.dataAlign})
		return true
	case cfaRestore:
		in.restore(low)
		return true
	}
	s := &in.state
	switch op {
	case cfaNop:
	case cfaSetLoc:
		to, ok := in.pointer(c.encFDE, base{})
		return ok && to >= in.pc && in.advance(to-in.pc)
	case cfaAdvanceLoc1:
		return in.advance(in.uint(1) * c.codeAlign)
	case cfaAdvanceLoc2:
		return in.advance(in.uint(2) * c.codeAlign)
	case cfaAdvanceLoc4:
		return in.advance(in.uint(4) * c.codeAlign)
	case cfaDefCFA:
		s.reg, s.off, s.expr = in.uleb(), int64(in.uleb()), false
	case cfaDefCFASF:
		s.reg, s.off, s.expr = in.uleb(), in.sleb()*c.dataAlign, false
	case cfaDefCFARegister:
		s.reg, s.expr = in.uleb(), false
	case cfaDefCFAOffset: // an expression stays one
		s.off = int64(in.uleb())
	case cfaDefCFAOffsetSF:
		s.off = in.sleb() * c.dataAlign
	case cfaDefCFAExpr:
		s.text, s.expr = string(in.take(in.uleb())), true
	case cfaRememberState:
		in.saved = append(in.saved, *s)
	case cfaRestoreState:
		n := len(in.saved)
		if n == 0 {
			return false
		}
		*s, in.saved = in.saved[n-1], in.saved[:n-1]
	default:
		return in.skip(op)
	}
	return true
}

// skip executes the instructions about registers.
func (in *interpreter) skip(op byte) bool {
	c := in.d.cie
	switch op {
	case cfaRestoreExtended:
		in.restore(in.uleb())
	case cfaUndefined:
		in.set(in.uleb(), regRule{kind: undefined})
	case cfaSameValue:
		in.set(in.uleb(), regRule{})
	case cfaGNUArgsSize:
		in.uleb()
	case cfaOffsetExtended:
		in.set(in.uleb(), regRule{kind: atCFA, off: int64(in.uleb()) * c.dataAlign})
	case cfaOffsetExtSF:
		in.set(in.uleb(), regRule{kind: atCFA, off: in.sleb() * c.dataAlign})
	case cfaGNUNegOffsetExt:
		in.set(in.uleb(), regRule{kind: atCFA, off: -int64(in.uleb()) * c.dataAlign})
	case cfaRegister, cfaValOffset, cfaValOffsetSF:
		in.set(in.uleb(), regRule{kind: unknownRule})
		in.uleb()
	case cfaExpression:
		reg := in.uleb()
		in.set(reg, regRule{kind: atExpression, text: string(in.take(in.uleb()))})
	case cfaValExpression:
		in.set(in.uleb(), regRule{kind: unknownRule})
		in.take(in.uleb())
	default:
		return false
	}
	return true
}
