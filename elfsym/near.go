package elfsym

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// notFound says that name is not there, and what to look at: a symbol that is
// imported from elsewhere, names that are spelled like it, missing tables.
func (f *File) notFound(name string) error {
	err := ErrNoSymbol
	if f.imports(newQuery(name).base) {
		err = fmt.Errorf("%w: it is imported here; name the file that defines it", err)
	} else if near := f.near(name); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, ", "))
	}
	return f.explain(err)
}

// nothingMatches says so of a pattern. What is spelled like its letters may have
// been meant.
func (f *File) nothingMatches(pattern string) error {
	err := ErrNoSymbol
	letters := strings.NewReplacer("~", "", "*", "", "?", "").Replace(pattern)
	if near := f.near(letters); letters != "" && len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, ", "))
	}
	return f.explain(err)
}

// explain adds which tables could not be searched.
func (f *File) explain(err error) error {
	static, _ := f.symbols()
	debug, _ := f.debugSymbols()
	if static == nil && debug == nil {
		err = fmt.Errorf("%w (the file is stripped: only what it exports has a name)", err)
	}
	_, errs := f.tables()
	for _, e := range errs {
		err = fmt.Errorf("%w; not searched: %w", err, e)
	}
	return err
}

// imports reports whether name is an undefined dynamic symbol.
func (f *File) imports(name string) bool {
	t, _ := f.dynsym()
	for i := range t.len() {
		if s := t.at(i); elf.SectionIndex(s.shndx) == elf.SHN_UNDEF && name != "" && t.hasName(s, name) {
			return true
		}
	}
	return false
}

// suggestions bounds what near lists.
const suggestions = 5

// near lists names that name may have been meant for, the likeliest first.
func (f *File) near(name string) []string {
	if name == "" || len(name) > 256 {
		return nil
	}
	type scored struct {
		name     string
		distance int
	}
	var found []scored
	piece := []byte(needle(name))
	tables, _ := f.tables()
	for _, t := range tables {
		for _, s := range t.functionNames() {
			text, _, _ := bytes.Cut(s.text, []byte("@"))
			if d := distance(name, text); d <= 2 {
				found = append(found, scored{string(text), d})
			} else if len(piece) >= 3 && len(found) < 1000 && bytes.Contains(text, piece) {
				if full := demangleName(string(text)); full != "" {
					found = append(found, scored{full, 3})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(len(a.name), len(b.name)), strings.Compare(a.name, b.name))
	})
	found = slices.CompactFunc(found, func(a, b scored) bool { return a.name == b.name })
	names := make([]string, min(len(found), suggestions))
	for i := range names {
		names[i] = found[i].name
	}
	return names
}

// distance is the number of letters to insert, delete or change to make b of a,
// if that is at most 2 and less than half of a; else 3. Case does not count.
func distance(a string, b []byte) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 || len(b) < 3 {
		return 3
	}
	prev := make([]int, 0, 64)
	for j := range len(b) + 1 {
		prev = append(prev, j)
	}
	row := make([]int, len(b)+1)
	for i := range len(a) {
		row[0] = i + 1
		best := row[0]
		for j := range len(b) {
			cost := 1
			if a[i]|0x20 == b[j]|0x20 {
				cost = 0
			}
			row[j+1] = min(prev[j]+cost, prev[j+1]+1, row[j]+1)
			best = min(best, row[j+1])
		}
		if best > 2 {
			return 3
		}
		prev, row = row, prev
	}
	if d := prev[len(b)]; d <= 2 && 2*d < len(a) {
		return d
	}
	return 3
}
