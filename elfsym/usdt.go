package elfsym

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// USDT is a marker that a program carries (sys/sdt.h): a nop in the middle of its
// code, and a note that says where it is and where its arguments are then.
type USDT struct {
	Provider, Name string
	Addr           uint64 // virtual address of the nop
	// Semaphore is the virtual address of a u16 of the program's data: how many
	// listen, so that the program need not work for nobody. 0: there is none.
	Semaphore uint64
	Args      []USDTArg
}

// Limits of what is read: the JVM, which has the most, has some thousand notes.
const (
	maxUSDTNotes = 16 << 20 // bytes
	maxUSDT      = 1 << 16
)

// USDT is the markers of the file, in ascending order of their addresses. Those of
// code that the linker left out are not among them. The slice is the File's own.
func (f *File) USDT() ([]USDT, error) {
	return f.markers.get(func() ([]USDT, error) {
		found, err := f.readUSDT()
		if err != nil {
			return nil, fmt.Errorf("%s: .note.stapsdt: %w", f.name, err)
		}
		return found, nil
	})
}

// LookupUSDT finds the places of one marker: the compiler makes several of one in
// the source where it copies code. The error of a marker that is not there wraps
// ErrNoSymbol.
func (f *File) LookupUSDT(provider, name string) ([]USDT, error) {
	all, err := f.USDT()
	if err != nil {
		return nil, err
	}
	var out []USDT
	for _, u := range all {
		if u.Provider == provider && u.Name == name {
			out = append(out, u)
		}
	}
	if out == nil {
		return nil, fmt.Errorf("%s: USDT %s:%s: %w%s", f.name, provider, name, ErrNoSymbol, nearUSDT(all, provider, name))
	}
	return out, nil
}

// nearUSDT says what there is instead.
func nearUSDT(all []USDT, provider, name string) string {
	if len(all) == 0 {
		return " (the file has no such notes)"
	}
	want := provider + ":" + name
	var near, some []string
	for _, u := range all {
		have := u.Provider + ":" + u.Name
		switch {
		case slices.Contains(near, have) || slices.Contains(some, have):
		case len(near) < suggestions && (u.Name == name || distance(want, []byte(have)) <= 2):
			near = append(near, have)
		case len(some) < suggestions:
			some = append(some, have)
		}
	}
	if len(near) > 0 {
		return "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return "; it has " + strings.Join(some, ", ") + " and so on"
}

func (f *File) readUSDT() ([]USDT, error) {
	s, ok := f.sectionNamed(".note.stapsdt")
	if !ok {
		return nil, nil
	}
	if s.size > maxUSDTNotes {
		return nil, fmt.Errorf("%w: %d bytes of notes are more than %d", ErrFormat, s.size, maxUSDTNotes)
	}
	b, err := f.in.read(s.off, s.size)
	if err != nil {
		return nil, err
	}
	base := uint64(0)
	if s, ok := f.sectionNamed(".stapsdt.base"); ok {
		base = s.addr
	}
	return f.parseUSDT(b, base)
}

// parseUSDT walks the notes; base is where .stapsdt.base is.
func (f *File) parseUSDT(b []byte, base uint64) ([]USDT, error) {
	const ntStapsdt = 3
	var out []USDT
	for len(b) > 0 {
		n, rest, ok := nextNote(b)
		if !ok || len(out) == maxUSDT {
			return nil, fmt.Errorf("%w: note %d of at most %d does not end", ErrFormat, len(out), maxUSDT)
		}
		b = rest
		if n.typ != ntStapsdt || string(n.name) != "stapsdt\x00" {
			continue
		}
		u, ok := parseUSDTNote(n.desc, base)
		if !ok {
			return nil, fmt.Errorf("%w: note %d is cut off", ErrFormat, len(out))
		}
		if f.Executable(u.Addr) {
			out = append(out, u)
		}
	}
	f.locateUSDT(out)
	slices.SortStableFunc(out, func(a, b USDT) int { return cmp.Compare(a.Addr, b.Addr) })
	return out, nil
}

// parseUSDTNote reads a descriptor. In a 64-bit file:
//
//	u64 pc, base, semaphore; provider NUL name NUL arguments NUL
//
// base is where .stapsdt.base was when the note was written. Who moves a library
// afterwards (prelink) moves that section and not the notes.
func parseUSDTNote(desc []byte, base uint64) (USDT, bool) {
	c := cursor{b: desc}
	pc, then, semaphore := c.uint(8), c.uint(8), c.uint(8)
	u := USDT{Provider: c.cstring(), Name: c.cstring(), Addr: pc, Semaphore: semaphore}
	u.Args = parseUSDTArgs(c.cstring())
	if base != 0 && then != 0 {
		u.Addr += base - then
		if semaphore != 0 {
			u.Semaphore += base - then
		}
	}
	return u, !c.short
}

// locateUSDT gives the arguments that name a variable its address.
func (f *File) locateUSDT(all []USDT) {
	wanted := map[string]*usdtSymbol{}
	for i := range all {
		for k := range all[i].Args {
			if a := &all[i].Args[k]; a.symbol != "" {
				wanted[a.symbol] = &usdtSymbol{}
			}
		}
	}
	if len(wanted) == 0 {
		return
	}
	f.findVariables(wanted)
	for i := range all {
		for k := range all[i].Args {
			if a := &all[i].Args[k]; a.symbol != "" {
				a.locate(wanted[a.symbol], all[i].Addr, f.PIE())
			}
		}
	}
}

// usdtSymbol is a variable that an argument names.
type usdtSymbol struct {
	value     uint64
	found     bool
	local     bool
	ambiguous bool // two local ones have this name
}

// add takes a symbol of the name: a global one counts more than local ones.
func (s *usdtSymbol) add(value uint64, local bool) {
	switch {
	case !s.found || s.local && !local:
		*s = usdtSymbol{value: value, found: true, local: local}
	case s.local == local && s.value != value:
		s.ambiguous = true
	}
}

// findVariables looks the names up in every symbol table, in one walk.
func (f *File) findVariables(wanted map[string]*usdtSymbol) {
	tables, _ := f.tables()
	for _, t := range tables {
		for i := range t.len() {
			s := t.at(i)
			if !s.mayBeData() {
				continue
			}
			name, _, _ := bytes.Cut(cstring(t.strs, uint64(s.name)), []byte("@"))
			if w := wanted[string(name)]; w != nil {
				w.add(s.value, s.local())
			}
		}
	}
}

func (u USDT) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%s", u.Provider, u.Name)
	for _, a := range u.Args {
		b.WriteString(" " + a.Text)
	}
	return b.String()
}
