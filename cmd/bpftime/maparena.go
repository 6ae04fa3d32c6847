package main

import (
	"fmt"
	"io"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps"
)

// An arena has no entries. It is shown as its variables, and which of its pages are used.

func (m *openMap) isArena() bool { return m.Spec().Type == maps.Arena }

// variables are those in the arena, nil where none are known.
func (m *openMap) variables() (show.Value, bool) {
	types, ok := m.value.(*btf.Datasec)
	if !ok {
		return nil, false
	}
	b, err := m.Resolve(m.Spec().Start, int(types.Size))
	if err != nil {
		return nil, false
	}
	return show.Decode(types, b), true
}

func (m *openMap) printArena(w io.Writer) error {
	s := m.Spec()
	if _, err := fmt.Fprintf(w, "%s  arena of %d pages at %#x, %d used\n", show.Clean(m.name), s.MaxEntries, s.Start, m.PagesUsed()); err != nil {
		return err
	}
	if v, ok := m.variables(); ok {
		if err := m.printEntry(w, entry{value: v}); err != nil {
			return err
		}
	}
	t := show.Table{Indent: "  ", Columns: []string{">PAGES", "FROM", "TO"}}
	for _, r := range m.pageRuns() {
		t.Add((r.to-r.from)/pageSize, fmt.Sprintf("%#x", r.from), fmt.Sprintf("%#x", r.to-1))
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t.Print(w)
}

const pageSize = 4096

// A pageRun is pages in use, one behind the other.
type pageRun struct{ from, to uint64 }

func (m *openMap) pageRuns() (runs []pageRun) {
	for addr := range m.Pages {
		if n := len(runs); n > 0 && runs[n-1].to == addr {
			runs[n-1].to += pageSize
			continue
		}
		runs = append(runs, pageRun{addr, addr + pageSize})
	}
	return runs
}

// pageEntries are the pages for programs, by address, with all that is in them.
func (m *openMap) pageEntries() (out []entry) {
	for addr, page := range m.Pages {
		out = append(out, entry{key: addr, value: show.Bytes(page)})
	}
	return out
}
