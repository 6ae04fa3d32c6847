package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/vm/object"
)

// TestArenaShown: variables, and the pages that are used; it has no keys to ask for.
func TestArenaShown(t *testing.T) {
	u := newUser(t)
	dir, spec := u.typed("arena.o")
	path := filepath.Join(dir, "maps", "o.arena")
	if err := maps.MakeFilled(path, maps.Spec{Type: maps.Arena, MaxEntries: 8, Flags: maps.Mmapable, Start: object.ArenaStart}, spec.Map("arena").Globals); err != nil {
		t.Fatal(err)
	}
	m, err := maps.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.AllocPages(3); err != nil {
		t.Fatal(err)
	}
	if err := m.FreePages(object.ArenaStart+2*4096, 1); err != nil {
		t.Fatal(err)
	}
	const want = "o.arena  arena of 8 pages at 0x100000000000, 3 used\n  calls: 100\n" +
		"  PAGES  FROM            TO\n      2  0x100000000000  0x100000001fff\n      1  0x100000003000  0x100000003fff\n"
	if got := u.must("map", "dump", "arena").stdout; got != want {
		t.Errorf("dump:\n%s\nwant\n%s", got, want)
	}
	got := u.must("map", "dump", "arena", "--json").stdout
	for _, want := range []string{`"type":"arena"`, `"start":17592186044416,"pages_used":3`, `{"key":17592186044416,"value":"64000000`, `{"key":17592186056704,"value":"0000`} {
		if !strings.Contains(got, want) {
			t.Errorf("dump --json has no %s: %.300s", want, got)
		}
	}
	if got := u.must("map", "list", "-s", "web").stdout; !strings.Contains(got, "arena  ") {
		t.Errorf("list: %s", got)
	}
	if r := u.run("map", "lookup", "arena", "0"); r.code != 1 || !strings.Contains(r.stderr, "o.arena is an arena, which has no keys") {
		t.Errorf("lookup: %d %s", r.code, r.stderr)
	}
}
