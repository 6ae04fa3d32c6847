package elfsym

import (
	"debug/elf"
	"iter"
)

// table is a symbol table as the file has it: entries of symSize bytes that
// refer to NUL-terminated names. It is walked in place; a Symbol is made of an
// entry only when it is asked for.
type table struct {
	syms, strs []byte
	versym     []byte // .gnu.version: two bytes an entry; dynamic tables only
	debug      bool   // from .gnu_debugdata
}

// rawSym is an Elf64_Sym.
type rawSym struct {
	name        uint32
	info        byte
	shndx       uint16
	value, size uint64
}

func rawSymAt(b []byte) rawSym {
	return rawSym{
		name:  le.Uint32(b),
		info:  b[4],
		shndx: le.Uint16(b[6:]),
		value: le.Uint64(b[8:]),
		size:  le.Uint64(b[16:]),
	}
}

func (s rawSym) typ() elf.SymType { return elf.ST_TYPE(s.info) }
func (s rawSym) local() bool      { return elf.ST_BIND(s.info) == elf.STB_LOCAL }

// mayBeCode reports whether the symbol is defined, and of a type that names
// code: a function, or no type at all.
func (s rawSym) mayBeCode() bool {
	if elf.SectionIndex(s.shndx) == elf.SHN_UNDEF {
		return false
	}
	switch s.typ() {
	case elf.STT_FUNC, elf.STT_GNU_IFUNC, elf.STT_NOTYPE:
		return true
	}
	return false
}

// mayBeData reports whether the symbol is defined, and of a type that names memory
// which every thread shares.
func (s rawSym) mayBeData() bool {
	return elf.SectionIndex(s.shndx) != elf.SHN_UNDEF && (s.typ() == elf.STT_OBJECT || s.typ() == elf.STT_NOTYPE)
}

func (t *table) len() int {
	if t == nil {
		return 0
	}
	return len(t.syms) / symSize
}

func (t *table) at(i int) rawSym { return rawSymAt(t.syms[i*symSize:]) }

// functionNames walks the entries that are functions by type and defined, with
// their names as in the file.
func (t *table) functionNames() iter.Seq2[int, namedSym] {
	return func(yield func(int, namedSym) bool) {
		for i := range t.len() {
			s := t.at(i)
			if !s.mayBeCode() || s.typ() == elf.STT_NOTYPE {
				continue
			}
			if name := cstring(t.strs, uint64(s.name)); len(name) > 0 && !yield(i, namedSym{s, name}) {
				return
			}
		}
	}
}

// namedSym is an entry with its name, which lies in the table's strings.
type namedSym struct {
	rawSym
	text []byte
}

// hasName reports whether s is called name, with or without a version behind
// it: .symtab writes versions into the name, as foo@V or foo@@V.
func (t *table) hasName(s rawSym, name string) bool {
	rest := t.strs[min(uint64(s.name), uint64(len(t.strs))):]
	return len(rest) > len(name) && (rest[len(name)] == 0 || rest[len(name)] == '@') &&
		string(rest[:len(name)]) == name
}
