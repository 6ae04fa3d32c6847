package elfsym

import (
	"cmp"
	"slices"
	"strings"
)

// Func is the code [Lo, Hi) of one function, or of its cold part. A symbol may
// stand inside: a second entry of hand-written code, or a signal return
// function, whose unwind rules begin a byte early.
type Func struct{ Lo, Hi uint64 }

// Functions lists all code that is known to be a function's, in ascending order
// and without overlaps: what .eh_frame describes, and where it says nothing,
// what symbols with a size span (overlapping ones as one).
func (f *File) Functions() []Func {
	fns, _ := f.funcs.get(func() ([]Func, error) {
		var described []Func
		if fs, err := f.ehFrames(); err == nil {
			list, _ := fs.all()
			for _, d := range list {
				described = append(described, Func{d.lo, d.hi})
			}
		}
		return merge(described, f.symbolRanges()), nil
	})
	return fns
}

// FuncAt is the function whose code includes vaddr. It reads one FDE where that
// is enough.
func (f *File) FuncAt(vaddr uint64) (Func, bool) {
	if !f.Executable(vaddr) {
		return Func{}, false
	}
	if fs, err := f.ehFrames(); err == nil {
		if d, ok, _ := fs.next(vaddr, vaddr+1); ok && f.Executable(d.hi-1) {
			return Func{d.lo, d.hi}, true
		}
	}
	fns := f.Functions()
	i, _ := slices.BinarySearchFunc(fns, vaddr, func(fn Func, v uint64) int { return cmp.Compare(fn.Hi, v+1) })
	if i < len(fns) && fns[i].Lo <= vaddr {
		return fns[i], true
	}
	return Func{}, false
}

// FuncsIn lists the functions whose code reaches into [lo, hi), in order, as
// Functions would, without reading what describes the others. Symbols that only
// .gnu_debugdata has do not count.
func (f *File) FuncsIn(lo, hi uint64) []Func {
	var described, named []Func
	if fs, err := f.ehFrames(); err == nil {
		for at := lo; at < hi; {
			d, ok, err := fs.next(at, hi)
			if !ok || err != nil || d.hi <= at {
				break
			}
			described, at = append(described, Func{d.lo, d.hi}), d.hi
		}
	}
	for _, read := range []func() (*table, error){f.symbols, f.dynsym} {
		t, _ := read()
		for _, s := range t.functionNames() {
			if end := s.value + s.size; s.value < hi && end > lo && f.Executable(s.value) && f.Executable(end-1) {
				named = append(named, Func{s.value, end})
			}
		}
	}
	return merge(described, join(named))
}

// symbolRanges is the code of all function symbols with a size, by address and
// without overlaps.
func (f *File) symbolRanges() []Func {
	var fns []Func
	tables, _ := f.tables()
	for _, t := range tables {
		for _, s := range t.functionNames() {
			end := s.value + s.size
			if s.size != 0 && end > s.value && f.Executable(s.value) && f.Executable(end-1) {
				fns = append(fns, Func{s.value, end})
			}
		}
	}
	return join(fns)
}

// join sorts functions by address and makes one of those that overlap.
func join(fns []Func) []Func {
	slices.SortFunc(fns, func(a, b Func) int { return cmp.Compare(a.Lo, b.Lo) })
	joined := fns[:0]
	for _, fn := range fns {
		if n := len(joined); n > 0 && fn.Lo < joined[n-1].Hi {
			joined[n-1].Hi = max(joined[n-1].Hi, fn.Hi)
			continue
		}
		joined = append(joined, fn)
	}
	return joined
}

// merge adds to described what of named lies outside of it. Both are in order.
func merge(described, named []Func) []Func {
	all := slices.Clone(described)
	for _, fn := range named {
		for len(described) > 0 && described[0].Hi <= fn.Lo {
			described = described[1:]
		}
		at := fn.Lo
		for _, d := range described {
			if d.Lo >= fn.Hi {
				break
			}
			if at < d.Lo {
				all = append(all, Func{at, d.Lo})
			}
			at = d.Hi
		}
		if at < fn.Hi {
			all = append(all, Func{at, fn.Hi})
		}
	}
	slices.SortFunc(all, func(a, b Func) int { return cmp.Compare(a.Lo, b.Lo) })
	return all
}

// parts is fn with its cold part, or the function that fn is the cold part of,
// where symbols tell: in a stripped file it is fn alone.
func (f *File) parts(fn Func) []Func {
	pairs, _ := f.colds.get(f.coldParts)
	if other, ok := pairs[fn.Lo]; ok {
		return []Func{fn, other}
	}
	return []Func{fn}
}

// coldParts pairs the code of f and f.cold, by the addresses of both.
func (f *File) coldParts() (map[uint64]Func, error) {
	cold := make(map[string]uint64)
	f.localNames(func(s namedSym, name string) {
		if isCold(name) {
			cold[name[:strings.Index(name, ".cold")]] = s.value
		}
	})
	pairs := make(map[uint64]Func)
	if len(cold) == 0 {
		return pairs, nil
	}
	f.localNames(func(s namedSym, name string) {
		if c, ok := cold[name]; ok {
			hot, hotOK := f.FuncAt(s.value)
			part, partOK := f.FuncAt(c)
			if hotOK && partOK {
				pairs[hot.Lo], pairs[part.Lo] = part, hot
			}
		}
	})
	return pairs, nil
}

// localNames visits the functions of the tables that have local symbols.
func (f *File) localNames(visit func(s namedSym, name string)) {
	for _, read := range []func() (*table, error){f.symbols, f.debugSymbols} {
		t, _ := read()
		for _, s := range t.functionNames() {
			visit(s, string(s.text))
		}
	}
}
