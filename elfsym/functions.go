package elfsym

import (
	"cmp"
	"debug/elf"
	"slices"
	"strings"
)

// Func is the code [Lo, Hi) of one function, or of its cold part. A symbol may
// stand inside: a second entry of hand-written code, or a signal return
// function, whose unwind rules begin a byte early.
type Func struct{ Lo, Hi uint64 }

// Functions lists all code that is known to be a function's, in ascending order
// and without overlaps: what .eh_frame describes, and where it says nothing,
// what symbols with a size span (overlapping ones as one). The slice is the
// File's own.
func (f *File) Functions() []Func {
	fns, _ := f.funcs.get(func() ([]Func, error) {
		var described []Func
		if fs, err := f.ehFrames(); err == nil {
			list, _ := fs.all()
			for _, d := range list {
				described = append(described, Func{d.lo, d.hi})
			}
		}
		debug, _ := f.debugSymbols()
		named := join(append(debug.ranges(f, 0, f.LoadEnd()), f.named()...))
		return merge(described, named), nil
	})
	return fns
}

// FuncAt is the function whose code includes vaddr. It reads one FDE where that
// is enough.
func (f *File) FuncAt(vaddr uint64) (Func, bool) {
	if !f.Executable(vaddr) {
		return Func{}, false
	}
	if found := f.described(vaddr, vaddr+1); len(found) > 0 {
		return found[0], true
	}
	if found := f.FuncsIn(vaddr, vaddr+1); len(found) > 0 {
		return found[0], true
	}
	if debug, _ := f.debugSymbols(); debug == nil {
		return Func{}, false
	}
	if found := within(f.Functions(), vaddr, vaddr+1); len(found) > 0 {
		return found[0], true
	}
	return Func{}, false
}

// FuncsIn lists the functions whose code reaches into [lo, hi), in order, as
// Functions would, without reading what describes the others. Symbols that only
// .gnu_debugdata has do not count.
func (f *File) FuncsIn(lo, hi uint64) []Func {
	if lo >= hi {
		return nil
	}
	from, to := lo, hi
	named := f.namedIn(lo, hi)
	if n := len(named); n > 0 { // what is described elsewhere cuts them too
		from, to = min(from, named[0].Lo), max(to, named[n-1].Hi)
	}
	return within(merge(f.described(from, to), named), lo, hi)
}

// within is the part of fns, which are in order, that reaches into [lo, hi).
func within(fns []Func, lo, hi uint64) []Func {
	from, _ := slices.BinarySearchFunc(fns, lo, func(fn Func, lo uint64) int { return cmp.Compare(fn.Hi, lo+1) })
	to := from
	for to < len(fns) && fns[to].Lo < hi {
		to++
	}
	return fns[from:to]
}

// described is what .eh_frame says of [lo, hi).
func (f *File) described(lo, hi uint64) []Func {
	var fns []Func
	_ = f.eachFDE(Func{lo, hi}, func(d fde) error {
		if f.Executable(d.lo) && f.Executable(d.hi-1) {
			fns = append(fns, Func{d.lo, d.hi})
		}
		return nil
	}) // what is malformed describes nothing
	return fns
}

// named is the code of all function symbols with a size, by address and without
// overlaps; those of .gnu_debugdata, which are dear to read, are not among them.
func (f *File) named() []Func {
	fns, _ := f.namedFuncs.get(func() ([]Func, error) { return f.scanNames(0, f.LoadEnd()), nil })
	return fns
}

// fewScans is how many walks through the symbols cost less than sorting them.
const fewScans = 16

// namedIn is what of named reaches into [lo, hi), and perhaps some more. As one
// that does may overlap others that do not, it is looked for until all do.
func (f *File) namedIn(lo, hi uint64) []Func {
	for f.scans < fewScans {
		f.scans++
		found := f.scanNames(lo, hi)
		n := len(found)
		if n == 0 || lo <= found[0].Lo && found[n-1].Hi <= hi {
			return found
		}
		lo, hi = min(lo, found[0].Lo), max(hi, found[n-1].Hi)
	}
	return within(f.named(), lo, hi)
}

// scanNames joins the functions that reach into [lo, hi).
func (f *File) scanNames(lo, hi uint64) []Func {
	dynamic, _ := f.dynsym()
	static, _ := f.symbols()
	return join(append(dynamic.ranges(f, lo, hi), static.ranges(f, lo, hi)...))
}

// ranges is the code of the functions in t, a table of f, that have a size and
// reach into [lo, hi).
func (t *table) ranges(f *File, lo, hi uint64) []Func {
	var fns []Func
	for i := range t.len() {
		s := t.at(i)
		if s.value >= hi || !s.mayBeCode() || s.typ() == elf.STT_NOTYPE {
			continue
		}
		if end := s.value + s.size; end > max(lo, s.value) && f.Executable(s.value) && f.Executable(end-1) {
			fns = append(fns, Func{s.value, end})
		}
	}
	return fns
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

// maxUnsized bounds code that only a symbol without a size names.
const maxUnsized = 64 << 10

// Unsized is what may belong to a function that only a symbol without a size names, as
// in hand-written code: from there to the next symbol or known function.
func (f *File) Unsized(vaddr uint64) (Func, bool) {
	if !f.Executable(vaddr) {
		return Func{}, false
	}
	end, named := vaddr+maxUnsized, false
	dynamic, _ := f.dynsym()
	static, _ := f.symbols()
	for _, t := range []*table{dynamic, static} {
		for i := range t.len() {
			s := t.at(i)
			if !s.mayBeCode() {
				continue
			}
			named = named || s.value == vaddr && s.typ() == elf.STT_FUNC
			if s.value > vaddr {
				end = min(end, s.value)
			}
		}
	}
	for _, fn := range f.FuncsIn(vaddr, end) {
		end = min(end, fn.Lo)
	}
	for _, t := range f.Text() {
		if t.Lo <= vaddr && vaddr < t.Hi {
			end = min(end, t.Hi)
		}
	}
	return Func{vaddr, end}, named && end > vaddr
}
