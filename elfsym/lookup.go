package elfsym

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// Symbol is a function a name stands for.
type Symbol struct {
	Name    string // as in the symbol table, without version
	Version string // GLIBC_2.2.5, empty without symbol versions
	Hidden  bool   // not the default version: foo@V, not foo@@V
	Value   uint64 // virtual address; of the resolver when IFunc
	Size    uint64 // bytes, 0 when unknown
	IFunc   bool   // STT_GNU_IFUNC: calling Value returns the function's address
	Local   bool   // STB_LOCAL
	Cold    bool   // foo.cold: entered by a jump out of foo, so not a function entry
	Debug   bool   // from .gnu_debugdata
}

// Lookup finds the functions that name stands for, in ascending order of their
// addresses and each address once.
//
// First name is taken as it stands in the symbol tables: mangled, without a
// version (then the default version is meant, and only where there is none the
// others) or with one, foo@V. A global function hides local ones of its name;
// without a global one all local ones are meant; a symbol without a type is
// taken where there is nothing better.
//
// Otherwise name is taken as a demangled C++ or Rust name, with its parameters
// (ns::f(int, char*)) or without (ns::f, all overloads); blanks do not matter.
// 0x and hexadecimal digits are the virtual address of a function without a name.
//
// The error of a name that is not found wraps ErrNoSymbol and lists near names.
func (f *File) Lookup(name string) ([]Symbol, error) {
	if syms := f.exact(name); len(syms) > 0 {
		return syms, nil
	}
	if syms, ok := f.nameless(name); ok {
		if len(syms) == 0 {
			return nil, fmt.Errorf("%s: no function is known at %s: %w", f.name, name, ErrNoSymbol)
		}
		return syms, nil
	}
	if syms := f.demangled(newDemangledName(name)); len(syms) > 0 {
		return syms, nil
	}
	return nil, fmt.Errorf("%s: symbol %q: %w", f.name, name, f.notFound(name))
}

// rank orders the symbols of one name: the best there are is what is meant.
type rank int

const (
	noMatch rank = iota
	untyped
	local
	otherVersion
	best
)

// query is an exact name being looked up, with the best symbols found so far.
type query struct {
	base, version string // version empty: the default one
	onlyDefault   bool   // the name was base@@version
	rank          rank
	syms          []Symbol
}

func newQuery(name string) *query {
	base, version, _ := strings.Cut(name, "@")
	version, onlyDefault := strings.CutPrefix(version, "@")
	return &query{base: base, version: version, onlyDefault: onlyDefault}
}

// exact looks name up in the dynamic table, through its hash table; then in
// .symtab; and at last in the compressed one, which is the dearest to read. A
// table that cannot be read has no symbols here; notFound says why.
func (f *File) exact(name string) []Symbol {
	q := newQuery(name)
	if q.base == "" {
		return nil
	}
	t, hashed, err := f.dynsymsNamed(q.base)
	if !hashed || err != nil {
		t, _ = f.dynsym()
	}
	q.search(f, t)
	for _, next := range []func() (*table, error){f.symbols, f.debugSymbols} {
		if q.rank >= otherVersion {
			break
		}
		t, _ := next()
		q.search(f, t)
	}
	return byAddress(q.syms)
}

// search adds the matches of t, which has symbols of the file f.
func (q *query) search(f *File, t *table) {
	for i := range t.len() {
		if s := t.at(i); s.mayBeCode() && t.hasName(s, q.base) && f.Executable(s.value) {
			q.add(f.symbol(t, i, s), s.typ())
		}
	}
}

// add keeps sym if it ranks as high as what is there, alone if higher.
func (q *query) add(sym Symbol, typ elf.SymType) {
	r := q.rankOf(sym, typ)
	if r == noMatch || r < q.rank {
		return
	}
	if r > q.rank {
		q.syms, q.rank = nil, r
	}
	q.syms = append(q.syms, sym)
}

func (q *query) rankOf(sym Symbol, typ elf.SymType) rank {
	switch {
	case q.version != "" && sym.Version != q.version, q.onlyDefault && sym.Hidden:
		return noMatch
	case typ == elf.STT_NOTYPE:
		return untyped
	case sym.Local:
		return local
	case q.version == "" && sym.Hidden:
		return otherVersion
	}
	return best
}

// symbol makes the Symbol of entry i of t.
func (f *File) symbol(t *table, i int, s rawSym) Symbol {
	sym := Symbol{
		Value: s.value, Size: s.size, Local: s.local(), Debug: t.debug,
		IFunc: s.typ() == elf.STT_GNU_IFUNC,
	}
	name := cstring(t.strs, uint64(s.name))
	sym.Name, sym.Version, sym.Hidden = f.version(t, i, name)
	sym.Cold = isCold(sym.Name)
	return sym
}

// isCold reports whether name is that of a cold part: foo.cold, or foo.cold.3
// as older compilers wrote it.
func isCold(name string) bool {
	_, after, found := strings.Cut(name, ".cold")
	return found && (after == "" || after[0] == '.')
}

// byAddress sorts, and keeps one symbol of each address: a global one if there
// is one, else the first that was found.
func byAddress(syms []Symbol) []Symbol {
	slices.SortStableFunc(syms, func(a, b Symbol) int {
		if a.Local != b.Local && a.Value == b.Value {
			if a.Local {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.Value, b.Value)
	})
	return slices.CompactFunc(syms, func(a, b Symbol) bool { return a.Value == b.Value })
}

// symbols is .symtab, nil in a stripped file.
func (f *File) symbols() (*table, error) {
	return f.symtab.get(func() (*table, error) {
		sections, err := f.sectionTable()
		if err != nil {
			return nil, err
		}
		return symtabIn(f.in, sections, elf.SHT_SYMTAB)
	})
}

// tables is every symbol table that can be read, and why others cannot.
func (f *File) tables() (ts []*table, errs []error) {
	for _, read := range []func() (*table, error){f.dynsym, f.symbols, f.debugSymbols} {
		t, err := read()
		if t != nil {
			ts = append(ts, t)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return ts, errs
}
