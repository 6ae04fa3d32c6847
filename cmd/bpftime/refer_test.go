package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/vm/object"
)

// typed makes a session that knows the types of a file of vm/object's, as those of object o.
func (u *user) typed(file string) (dir string, spec *object.Spec) {
	u.t.Helper()
	u.must("run", "-s", "web", "funccount", "uprobe/libc:getppid", "--", "true")
	dir = filepath.Join(u.rundir, "web")
	spec, err := object.LoadFile("../../vm/object/testdata/" + file)
	if err != nil {
		u.t.Fatal(err)
	}
	raw, err := spec.MarshalBTF()
	if err != nil {
		u.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "btf"), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "btf", "o"), raw, 0o600); err != nil {
		u.t.Fatal(err)
	}
	return dir, spec
}

// TestProgramArray: programs are put into an array, shown and taken out by name.
func TestProgramArray(t *testing.T) {
	u := newUser(t)
	dir, _ := u.typed("maps.o")
	array := maps.Spec{Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 3}
	if err := maps.MakeFilled(filepath.Join(dir, "maps", "o.programs"), array, maps.References(map[uint32]string{1: "o.second"})); err != nil {
		t.Fatal(err)
	}
	u.must("map", "update", "programs", "2", "first")
	if got := u.must("map", "dump", "programs").stdout; got != "o.programs  prog_array of 3\n  KEY     VALUE\n    1  \"second\"\n    2   \"first\"\n" {
		t.Errorf("dump: %s", got)
	}
	if got := u.must("map", "lookup", "programs", "2", "--json").stdout; got != `{"key":2,"value":"first"}`+"\n" {
		t.Errorf("lookup: %s", got)
	}
	u.must("map", "delete", "programs", "1")
	for _, c := range []struct{ args, want string }{
		{"lookup programs 1", "o.programs has no entry 1"},
		{"lookup programs 0", "o.programs has no entry 0"},
		{"delete programs 1", "o.programs has no entry 1"},
		{"update programs 3 first", "o.programs has the keys 0 to 2, not 3"},
		{"update programs 0 frist", `is called "o.frist"; did you mean "o.first"`},
		{"update --noexist programs 0 first", "neither --noexist nor --exist"},
	} {
		if r := u.run(append([]string{"map"}, strings.Fields(c.args)...)...); r.code != 1 || !strings.Contains(r.stderr, c.want) {
			t.Errorf("map %s: code %d, %q, want %q", c.args, r.code, r.stderr, c.want)
		}
	}
}

// TestQueueShown: the elements of a queue by their place, zeros too; it has no keys to ask for.
func TestQueueShown(t *testing.T) {
	u := newUser(t)
	u.must("run", "-s", "web", "funccount", "uprobe/libc:getppid", "--", "true")
	path := filepath.Join(u.rundir, "web", "maps", "o.waiting")
	if err := maps.Make(path, maps.Spec{Type: maps.Queue, ValueSize: 8, MaxEntries: 3}); err != nil {
		t.Fatal(err)
	}
	if got := u.must("map", "dump", "waiting").stdout; got != "o.waiting  queue of 3, empty\n" {
		t.Errorf("dump: %s", got)
	}
	m, err := maps.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, b := range []byte{9, 0} {
		if err := m.Push([]byte{b, 0, 0, 0, 0, 0, 0, 0}, maps.Any); err != nil {
			t.Fatal(err)
		}
	}
	if got := u.must("map", "dump", "waiting").stdout; got != "o.waiting  queue of 3, 2 used\n  KEY  VALUE\n    0      9\n    1      0\n" {
		t.Errorf("dump: %s", got)
	}
	if r := u.run("map", "lookup", "waiting", "0"); r.code != 1 || !strings.Contains(r.stderr, "o.waiting is a queue, which has no keys") {
		t.Errorf("lookup: %d %s", r.code, r.stderr)
	}
}
