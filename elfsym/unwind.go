package elfsym

import (
	"cmp"
	"strings"
)

// Numbers of DWARF.
const (
	dwarfBP = 6
	dwarfSP = 7
	dwarfRA = 16
)

// regRule says where a register of the caller is.
type regRule struct {
	kind ruleKind
	off  int64
	text string // of an expression
}

type ruleKind uint8

const (
	sameValue    ruleKind = iota // where it is now
	atCFA                        // at CFA + off
	atExpression                 // at the address that the expression computes
	undefined                    // nowhere; of the return address: there is no caller
	unknownRule
)

func (in *interpreter) set(reg uint64, r regRule) {
	switch reg {
	case dwarfBP:
		in.state.bp = r
	case dwarfRA:
		in.state.ra = r
	case dwarfSP: // somewhere else than at the CFA
		in.state.ra = regRule{kind: unknownRule}
	}
}

func (in *interpreter) restore(reg uint64) {
	switch reg {
	case dwarfBP:
		in.state.bp = in.first.bp
	case dwarfRA:
		in.state.ra = in.first.ra
	}
}

// UnwindKind is the way from a frame to its caller's.
type UnwindKind uint8

const (
	UnwindCFA    UnwindKind = iota // CFA = register + Off; the return address lies below it
	UnwindDeref                    // CFA = the word at rbp + Off
	UnwindSignal                   // a frame of the kernel's, which has all registers
	UnwindEnd                      // there is no caller
	UnwindNone                     // not known, or by an expression of another form
)

// An UnwindRow says how to walk up from code at PC and behind it, up to the next row.
type UnwindRow struct {
	PC   uint64
	Kind UnwindKind
	Reg  uint8 // by its number in DWARF
	Off  int64
	// Where the caller's rbp is: at CFA + BPOff, unless that is 0, which means where it is
	// now; or BPAt, at the address in rbp.
	BPOff int64
	BPAt  bool
}

// Unwind returns the rows of all that .eh_frame describes, in ascending order of PC,
// with rows of no rule between what it does not. What is malformed ends it.
func (f *File) Unwind() ([]UnwindRow, error) {
	fs, err := f.ehFrames()
	if err != nil {
		return nil, err
	}
	list, err := fs.all()
	if err != nil && len(list) == 0 {
		return nil, err
	}
	var rows unwindRows
	for _, r := range list {
		d, err := fs.fdeAt(r.vaddr)
		if err != nil {
			continue
		}
		rows.add(UnwindRow{PC: d.lo, Kind: UnwindNone})
		_ = d.each(func(pc uint64, s *frameState) { rows.add(s.unwind(pc, d.cie.signal)) })
		rows.add(UnwindRow{PC: d.hi, Kind: UnwindNone})
	}
	return rows, nil
}

type unwindRows []UnwindRow

// add appends a row; the last word about an address counts.
func (r *unwindRows) add(row UnwindRow) {
	if n := len(*r); n > 0 && (*r)[n-1].PC == row.PC {
		*r = (*r)[:n-1]
	}
	if n := len(*r); n > 0 {
		last := (*r)[n-1]
		if last.PC = row.PC; last == row {
			return
		}
	}
	*r = append(*r, row)
}

// Expressions that compilers write when they align a stack (DW_OP_breg6 n; deref), and
// the one for rbp there (DW_OP_breg6 0).
const (
	opBreg6 = 0x76
	opDeref = 0x06
)

func (s *frameState) unwind(pc uint64, signal bool) UnwindRow {
	row := UnwindRow{PC: pc, Reg: uint8(min(s.reg, 255)), Off: s.off}
	switch {
	case signal:
		return UnwindRow{PC: pc, Kind: UnwindSignal}
	case s.ra.kind == undefined:
		return UnwindRow{PC: pc, Kind: UnwindEnd}
	case s.ra.kind != atCFA || s.ra.off != -8:
		return UnwindRow{PC: pc, Kind: UnwindNone}
	case s.expr:
		off, ok := frameSlot(s.text)
		if !ok {
			return UnwindRow{PC: pc, Kind: UnwindNone}
		}
		row.Kind, row.Reg, row.Off = UnwindDeref, 0, off
	case s.reg >= uint64(len(dwarfRegs)):
		return UnwindRow{PC: pc, Kind: UnwindNone}
	}
	switch s.bp.kind {
	case sameValue:
	case atCFA:
		row.BPOff = s.bp.off
	case atExpression:
		row.BPAt = s.bp.text == string([]byte{opBreg6, 0})
		if !row.BPAt {
			return UnwindRow{PC: pc, Kind: UnwindNone}
		}
	default:
		return UnwindRow{PC: pc, Kind: UnwindNone}
	}
	return row
}

// frameSlot reads *(rbp + n).
func frameSlot(text string) (int64, bool) {
	c := cursor{b: []byte(text)}
	if c.u8() != opBreg6 {
		return 0, false
	}
	off := c.sleb()
	return off, c.u8() == opDeref && !c.short && c.pos == len(c.b)
}

// FuncName is the name of the function that an address lies in, and how far inside it
// is; "" when no symbol with a size says so.
func (f *File) FuncName(vaddr uint64) (name string, off uint64) {
	tables, _ := f.tables()
	for _, t := range tables {
		for _, s := range t.functionNames() {
			if vaddr >= s.value && vaddr-s.value < s.size && (name == "" || isBetterName(string(s.text), name)) {
				name, off = string(s.text), vaddr-s.value
			}
		}
	}
	name, _, _ = strings.Cut(name, "@")
	return name, off
}

// isBetterName: of several for one function, the one with fewest decorations.
func isBetterName(a, b string) bool {
	plain := func(s string) string { return strings.TrimLeft(s, "_") }
	return cmp.Or(cmp.Compare(len(a)-len(plain(a)), len(b)-len(plain(b))), cmp.Compare(len(a), len(b)), strings.Compare(a, b)) < 0
}
