package object

import (
	"debug/elf"
	"errors"
	"fmt"
	"sort"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm"
)

// code is a section of instructions and what belongs to it.
type code struct {
	name   string
	bytes  []byte
	relocs map[uint64]relocation
	// By slot in the section, from .BTF.ext.
	funcs []btf.FuncOffset
	lines []btf.LineOffset
	cores []btf.CORERelocationOffset
}

func (r *reader) codeSection(n elf.SectionIndex) (*code, error) {
	if c := r.code[n]; c != nil {
		return c, nil
	}
	c := &code{name: r.sections[n].Name}
	var err error
	if c.bytes, err = r.bytes(r.sections[n]); err != nil {
		return nil, err
	}
	if c.relocs, err = r.relocations(int(n)); err != nil {
		return nil, err
	}
	c.funcs, c.lines, c.cores = r.ext.Section(c.name)
	r.code[n] = c
	return c, nil
}

// readFunction reads the code of a function and finds what it refers to.
func (r *reader) readFunction(s elf.Symbol) error {
	c, err := r.codeSection(s.Section)
	if err != nil {
		return err
	}
	in := fmt.Sprintf("section %q: function %s", c.name, s.Name)
	switch {
	case s.Name == "" || r.taken[s.Name]:
		return failure(in, "there is another function of that name")
	case s.Value%vm.SlotSize != 0 || s.Value > uint64(len(c.bytes)) || s.Size > uint64(len(c.bytes))-s.Value:
		return failure(in, "%d bytes at %d are not in the section, which has %d", s.Size, s.Value, len(c.bytes))
	}
	insns, err := vm.Decode(c.bytes[s.Value : s.Value+s.Size])
	if err != nil {
		return failure(in, "%w", err)
	}
	f := &Function{Name: s.Name, Section: c.name}
	at := s.Value
	for _, insn := range insns {
		f.Insns = append(f.Insns, r.refer(place{s.Section, at}, insn, c.relocs))
		at += uint64(insn.Slots()) * vm.SlotSize
	}
	f.describe(c, s.Value/vm.SlotSize, at/vm.SlotSize)
	r.taken[s.Name] = true
	r.spec.Functions = append(r.spec.Functions, f)
	if !isLibrary(c.name) {
		r.spec.Programs = append(r.spec.Programs, &ProgramSpec{f, ParseSection(c.name)})
	}
	return nil
}

// refer finds what the instruction at a place refers to. What is wrong with
// that is the program's problem, when it is used.
func (r *reader) refer(at place, insn vm.Instruction, relocs map[uint64]relocation) Instruction {
	rel, ok := relocs[at.offset]
	var ref Ref
	var err error
	switch isCall := insn.OpCode == vm.JMP|vm.CALL; {
	case ok && rel.kind == relocAddress && insn.OpCode == vm.LDDW:
		ref, err = r.address(rel.symbol, insn.Imm)
	case ok && rel.kind == relocCall && isCall:
		ref, err = r.call(rel.symbol, insn.Imm)
	case ok:
		err = fmt.Errorf("a relocation of type %d for %s does not fit here", rel.kind, rel.symbol.Name)
	case insn.IsLocalCall():
		// clang resolves calls inside of a section itself.
		ref, err = r.function(place{at.section, at.offset + uint64(insn.Imm+1)*vm.SlotSize})
	case insn.OpCode == vm.LDDW && insn.Src != 0:
		err = fmt.Errorf("an LDDW of source %d without a relocation", insn.Src)
	}
	if err != nil {
		ref = Ref{Kind: RefBroken, Name: err.Error()}
	}
	return Instruction{Instruction: insn, Ref: ref}
}

// call resolves the relocation of a call: the callee is at symbol + (imm + 1)
// slots, where clang writes -1 for a symbol of its own.
func (r *reader) call(s elf.Symbol, imm int64) (Ref, error) {
	if s.Section == elf.SHN_UNDEF {
		return Ref{Kind: RefExtern, Name: s.Name}, nil
	}
	return r.function(place{s.Section, s.Value + uint64(imm+1)*vm.SlotSize})
}

func (r *reader) function(at place) (Ref, error) {
	if name := r.functions[at]; name != "" {
		return Ref{Kind: RefFunc, Name: name}, nil
	}
	return Ref{}, errors.New("the call leads to no function")
}

// address resolves the relocation of an LDDW: symbol + imm, in a map, in data,
// in code, or elsewhere.
func (r *reader) address(s elf.Symbol, imm int64) (Ref, error) {
	at := place{s.Section, s.Value + uint64(uint32(imm))}
	section := r.sectionOf(s)
	switch {
	case s.Section == elf.SHN_UNDEF:
		return Ref{Kind: RefExtern, Name: s.Name}, nil
	case section == nil:
		return Ref{}, fmt.Errorf("%s is in no section", s.Name)
	case section.Name == ".maps":
		if name := r.maps[at]; name != "" {
			return Ref{Kind: RefMap, Name: name}, nil
		}
		return Ref{}, errors.New("the reference leads into the middle of a map's definition")
	case r.data[s.Section] != nil:
		return r.data[s.Section].at(at.offset)
	case isCode(section):
		return r.function(at)
	}
	return Ref{}, fmt.Errorf("section %q holds neither maps, data nor code", section.Name)
}

// at refers to a place in a data section.
func (m *MapSpec) at(offset uint64) (Ref, error) {
	m.used = true
	if offset >= uint64(len(m.Contents)) {
		return Ref{}, fmt.Errorf("byte %d of section %q, which has %d", offset, m.Name, len(m.Contents))
	}
	for _, v := range m.variables {
		if v.addresses && v.offset <= offset && offset-v.offset < max(v.size, 1) {
			return Ref{}, fmt.Errorf("%s in section %q is initialised with addresses, which are not known before the program runs", v.name, m.Name)
		}
	}
	return Ref{Kind: RefData, Name: m.Name, Offset: uint32(offset)}, nil
}

// describe adds what .BTF.ext knows of the function, which takes the slots
// from start to end of its section.
func (f *Function) describe(c *code, start, end uint64) {
	index := map[uint64]int{} // slot in the section -> instruction
	slot := start
	for i, in := range f.Insns {
		index[slot] = i
		slot += uint64(in.Slots())
	}
	for _, fn := range within(c.funcs, start, start+1, func(o btf.FuncOffset) uint64 { return uint64(o.Offset) }) {
		f.Type = fn.Func
	}
	for _, l := range within(c.lines, start, end, func(o btf.LineOffset) uint64 { return uint64(o.Offset) }) {
		if i, ok := index[uint64(l.Offset)]; ok {
			f.Lines = append(f.Lines, line(i, l.Line))
		}
	}
	for _, r := range within(c.cores, start, end, func(o btf.CORERelocationOffset) uint64 { return uint64(o.Offset) }) {
		if i, ok := index[uint64(r.Offset)]; ok {
			f.Insns[i].CORE = r.Relo
		}
	}
}

// within are the elements of a list sorted by slot that lie in [start, end).
func within[T any](list []T, start, end uint64, slot func(T) uint64) []T {
	find := func(at uint64) int {
		return sort.Search(len(list), func(i int) bool { return slot(list[i]) >= at })
	}
	return list[find(start):find(end)]
}

func line(i int, l *btf.Line) Line {
	return Line{Insn: i, File: l.FileName(), Line: int(l.LineNumber()), Col: int(l.LineColumn()), Text: l.Line()}
}

// LineOf is the line that the instruction at an index comes from.
func (f *Function) LineOf(insn int) (Line, bool) {
	for i := len(f.Lines) - 1; i >= 0; i-- {
		if f.Lines[i].Insn <= insn {
			return f.Lines[i], true
		}
	}
	return Line{}, false
}
