package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps"
)

// print writes the map for people: a heading, and at most so many of its entries (0:
// all), without those of arrays that are zero.
func (m *openMap) print(w io.Writer, most int) error {
	if m.isArena() {
		return m.printArena(w)
	}
	entries := m.entries()
	if !m.isHash() && !m.Spec().Type.Keyless() {
		entries = nonZero(entries)
	}
	if _, err := fmt.Fprintf(w, "%s  %s\n", show.Clean(m.name), m.summary(len(entries))); err != nil {
		return err
	}
	left := 0
	if most > 0 && len(entries) > most {
		entries, left = entries[:most], len(entries)-most
	}
	if err := m.printEntries(w, entries); err != nil {
		return err
	}
	if left > 0 {
		_, err := fmt.Fprintf(w, "  and %d more\n", left)
		return err
	}
	return nil
}

func nonZero(entries []entry) (out []entry) {
	for _, e := range entries {
		if !show.Zero(e.value) {
			out = append(out, e)
		}
	}
	return out
}

// summary says what the map is: "percpu_array of 64, 3 not zero".
func (m *openMap) summary(n int) string {
	s := m.Spec()
	var text string
	switch _, data := m.value.(*btf.Datasec); {
	case data:
		text = "data section"
		if n == 0 {
			text += ", all zero"
		}
	case s.Type.HasRecords():
		text = fmt.Sprintf("%v of %d bytes", s.Type, s.Stride())
	case s.Type == maps.StackTrace:
		text = fmt.Sprintf("%v of %d, %d used", s.Type, s.MaxEntries, n)
	case s.Type == maps.BloomFilter:
		text = fmt.Sprintf("bloom_filter for %d", s.MaxEntries)
	case (m.isHash() || s.Type.Keyless()) && n == 0:
		text = fmt.Sprintf("%v of %d, empty", s.Type, s.MaxEntries)
	case m.isHash() || s.Type.Keyless():
		text = fmt.Sprintf("%v of %d, %d used", s.Type, s.MaxEntries, n)
	case n == 0:
		text = fmt.Sprintf("%v of %d, all zero", s.Type, s.MaxEntries)
	default:
		text = fmt.Sprintf("%v of %d", s.Type, s.MaxEntries)
	}
	if n := m.Misses(); n > 0 {
		text += fmt.Sprintf(", %d had no room", n)
	}
	if n := m.Busy(); n > 0 {
		text += fmt.Sprintf(", %d given up", n)
	}
	return text
}

func (m *openMap) printEntries(w io.Writer, entries []entry) error {
	if counts, ok := m.histogram(); ok {
		return show.Log2(w, counts, show.Unit(m.shortName()))
	}
	switch {
	case len(entries) == 0:
		return nil
	case m.Spec().Type == maps.StackTrace:
		return printStacks(w, entries)
	case allScalar(entries):
		return m.printTable(w, entries)
	}
	for _, e := range entries {
		if err := m.printEntry(w, e); err != nil {
			return err
		}
	}
	return nil
}

// printTable puts a number into each row. The key of an array is its index; others may
// be long, and come last.
func (m *openMap) printTable(w io.Writer, entries []entry) error {
	t := show.Table{Indent: "  ", Columns: []string{">VALUE", "KEY"}}
	if !m.isHash() {
		t.Columns = []string{">KEY", ">VALUE"}
	}
	if m.labels != nil {
		t.Columns = []string{">VALUE", "OF"}
	}
	for _, e := range entries {
		switch key, value := m.keyText(e), show.Text(e.value); {
		case m.isHash() || m.labels != nil:
			t.Add(value, key)
		default:
			t.Add(key, value)
		}
	}
	return t.Print(w)
}

func (m *openMap) keyText(e entry) string {
	if i, ok := e.key.(uint64); ok && i < uint64(len(m.labels)) {
		return m.labels[i]
	}
	return show.Text(e.key)
}

// printEntry writes an entry whose value has parts, histograms drawn.
func (m *openMap) printEntry(w io.Writer, e entry) error {
	found, rest := show.Histograms(e.value)
	head := "  " + show.Text(e.key) + ": "
	if _, data := m.value.(*btf.Datasec); data {
		head = "  "
	}
	switch rest := rest.(type) {
	case nil:
		io.WriteString(w, show.Clean(strings.TrimSuffix(head, " ")+"\n"))
	case show.Object:
		if head == "  " { // each variable in a line
			for _, f := range rest {
				if f.Value == show.Address(0) {
					continue // const struct event *unused
				}
				io.WriteString(w, show.Wrap("  ", f.Name+": "+show.Text(f.Value)))
			}
			break
		}
		io.WriteString(w, show.Wrap("  ", strings.TrimSpace(head)+" "+show.Text(rest)))
	default:
		io.WriteString(w, show.Wrap("  ", strings.TrimSpace(head)+" "+show.Text(rest)))
	}
	for _, h := range found {
		if h.Name != "" {
			fmt.Fprintf(w, "  %s\n", show.Clean(h.Name))
		}
		if err := show.Log2(w, h.Counts, show.Unit(h.Name+" "+m.shortName())); err != nil {
			return err
		}
	}
	return nil
}

// histogram is an array whose indexes are powers of two, by its name.
func (m *openMap) histogram() ([]uint64, bool) {
	s := m.Spec()
	if m.isHash() || s.Type.HasRecords() || !show.IsHistogram(m.shortName(), int(s.MaxEntries)) {
		return nil, false
	}
	var counts []uint64
	for _, e := range m.entries() {
		n, ok := e.value.(uint64)
		if !ok {
			return nil, false
		}
		counts = append(counts, n)
	}
	return counts, true
}

// shortName is the name without the object's, which says nothing about this map.
func (m *openMap) shortName() string { return m.name[strings.LastIndexByte(m.name, '.')+1:] }

func allScalar(entries []entry) bool {
	for _, e := range entries {
		switch e.value.(type) {
		case show.Object, show.List, show.Bytes, nil:
			return false
		}
	}
	return true
}

// isConstant holds for data sections that programs only read.
// isOfUSDT: libbpf's usdt.bpf.h keeps there where arguments are.
func (m *openMap) isOfUSDT() bool { return strings.Contains(m.name, "__bpf_usdt_") }

func (m *openMap) isConstant() bool { return m.Spec().Flags&maps.ReadOnlyProgram != 0 }
