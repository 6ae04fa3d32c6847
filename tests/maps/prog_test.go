package maps_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

var programs = maps.Spec{Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 6}

// tail is where a program goes on that tail-calls the index: 1000 + identity in serve.c, 0: nowhere.
func (s *server) tail(index uint64) int64 {
	s.t.Helper()
	r, _, err := s.ask(opTail, 1, make([]byte, 4), nil, index)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// TestProgArray: what Go puts in, programs find, if their process has it; errno and their order are those of
// bpf_fd_array_map_update_elem and __fd_array_map_delete_elem.
func TestProgArray(t *testing.T) {
	path := makeMap(t, programs)
	g, c := openWriter(t, path), serve(t, makeSession(t), path, programs)
	for _, s := range []struct {
		name string
		err  error
		want unix.Errno
	}{
		{"lookup of nothing", lookupError(g, 2), unix.ENOENT},
		{"lookup beyond", lookupError(g, 6), unix.ENOENT},
		{"update", g.Update(le32(2), le64(5), maps.Any), 0},
		{"update of the last", g.Update(le32(5), le64(10), maps.Any), 0},
		{"update again", g.Update(le32(2), le64(2), maps.Any), 0},
		{"flags before the index", g.Update(le32(6), le64(0), maps.Exist), unix.EINVAL},
		{"index before the program", g.Update(le32(6), le64(0), maps.Any), unix.E2BIG},
		{"no program", g.Update(le32(1), le64(0), maps.Any), unix.EBADF},
		{"as the kernel's value", g.Update(le32(1), le32(7), maps.Any), unix.EINVAL},
		{"delete beyond", g.Delete(le32(6)), unix.E2BIG},
		{"delete of nothing", g.Delete(le32(0)), unix.ENOENT},
		{"one that no process has", g.Update(le32(3), le64(77), maps.Any), 0},
		{"lookup", lookupError(g, 2), 0},
	} {
		if got := errnoOf(t, s.err); got != s.want {
			t.Errorf("%s: %v, want %v", s.name, got, s.want)
		}
	}
	for index, want := range map[uint64]int64{2: 1002, 5: 1010, 2 | 7<<32: 1002, 0: 0, 3: 0, 6: 0, 1 << 31: 0} {
		if got := c.tail(index); got != want {
			t.Errorf("index %#x leads to %d, want %d", index, got, want)
		}
	}
	if n := g.Misses(); n != 1 {
		t.Errorf("%d misses, want 1: of the program that is not there", n)
	}
	if err := g.Delete(le32(2)); err != nil || c.tail(2) != 0 {
		t.Errorf("deleted (%v), and found", err)
	}
	n := 0
	for key, values := range g.All() {
		n++
		if want := map[uint32]uint64{5: 10, 3: 77}[binary.LittleEndian.Uint32(key)]; binary.LittleEndian.Uint64(values[0]) != want {
			t.Errorf("entry %x is %x", key, values)
		}
	}
	if n != 2 {
		t.Errorf("%d entries", n)
	}
	for _, op := range []int{opUpdate, opDelete} { // the kernel's verifier refuses such a program
		if errno := c.do(op, 1, le32(2), le32(1), 0); errno != 524 {
			t.Errorf("a program's operation %d: %v", op, errno)
		}
	}
	if _, found := c.lookup(1, le32(5)); found {
		t.Error("a program looked an entry up")
	}
}

func lookupError(m *maps.Map, index uint32) error {
	_, err := m.Lookup(le32(index))
	return err
}

// TestSpoiltProgArray: any word is an identity that the process has, or has not.
func TestSpoiltProgArray(t *testing.T) {
	path := makeMap(t, programs)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, "-", path, programs, sanitized...)
	for id := range uint64(40) {
		for _, id := range []uint64{id, id << 60, ^id, id * 0x9e3779b97f4a7c15} {
			for at := abi.MAP_DATA_OFF; at < len(whole); at += 8 {
				binary.LittleEndian.PutUint64(whole[at:], id)
			}
			overwrite(t, path, whole)
			want := int64(0)
			switch id {
			case 1, 2, 5, 8, 9, 10:
				want = 1000 + int64(id)
			}
			if got := c.tail(id % 6); got != want {
				t.Errorf("identity %#x leads to %d", id, got)
			}
		}
	}
}

var (
	inner  = maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 3}
	nested = maps.Spec{Type: maps.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 6, Inner: maps.InnerOf(inner)}
)

// TestCheckProgArray: headers that C has to refuse; those of an array of maps too.
func TestCheckProgArray(t *testing.T) {
	checkReferences(t, programs)
	checkReferences(t, nested)
}

func checkReferences(t *testing.T, spec maps.Spec) {
	path := makeMap(t, spec)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		at   int
		with []byte
	}{
		"key size": {abi.MAP_HDR_KEY_SIZE, le32(8)}, "entries": {abi.MAP_HDR_MAX_ENTRIES, le32(9)}, "control": {abi.MAP_HDR_CONTROL, le64(0)},
		"control outside": {abi.MAP_HDR_CONTROL, le64(8192 + 8)}, "no stride": {abi.MAP_HDR_VALUE_STRIDE, le32(0)}, "stride": {abi.MAP_HDR_STRIDE, le64(40)},
		"data": {abi.MAP_HDR_DATA, le64(8192)}, "blocks": {abi.MAP_HDR_NSLOTS, le32(0)}, "size": {abi.MAP_HDR_SIZE, le64(8192)},
	} {
		bad := append([]byte(nil), whole...)
		copy(bad[f.at:], f.with)
		overwrite(t, path, bad)
		out, err := exec.Command(build(t, "testdata/serve.c"), "-", path).CombinedOutput()
		if err != nil || string(out) != "no\n" {
			t.Errorf("%s: %v, %q", name, err, out)
		}
		if m, err := maps.Open(path); err == nil {
			t.Errorf("%s: Go opens %v", name, m.Spec())
		}
	}
	for _, s := range []maps.Spec{{Type: maps.ProgArray, KeySize: 8, ValueSize: 4, MaxEntries: 1}, {Type: maps.ProgArray, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		{Type: maps.ProgArray, KeySize: 4, ValueSize: 4}, {Type: maps.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		{Type: maps.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1, Inner: nested.Inner}, {Type: maps.HashOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, Inner: maps.InnerOf(nested)}, {Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 31}} {
		if err := s.Check(); err == nil {
			t.Errorf("%+v is a definition", s)
		}
	}
}

// TestMapsOfMapsFilled: a map of maps begins with what the object names; Go changes it as the kernel lets user space. A process
// that has none of the maps finds nothing, and counts that.
func TestMapsOfMapsFilled(t *testing.T) {
	for _, spec := range []maps.Spec{nested, {Type: maps.HashOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 6, Inner: maps.InnerOf(inner)}} {
		path := filepath.Join(shared(t), "o.outer")
		if err := maps.MakeFilled(path, spec, maps.References(map[uint32]string{1: "o.one", 4: "o.four"})); err != nil {
			t.Fatal(err)
		}
		g, c := openWriter(t, path), serve(t, makeSession(t), path, spec)
		if g.Spec() != spec {
			t.Errorf("%v, made of %v", g.Spec(), spec)
		}
		for key, name := range map[uint32]string{1: "o.one", 4: "o.four"} {
			if v, err := g.Lookup(le32(key)); err != nil || !bytes.Equal(v[0], le64(maps.Identity(name))) {
				t.Errorf("%v: %d: %x, %v", spec.Type, key, v, err)
			}
			if _, found := c.lookup(1, le32(key)); found {
				t.Errorf("%v: a map was found that is not there", spec.Type)
			}
		}
		if n := g.Misses(); n != 2 {
			t.Errorf("%v: %d misses", spec.Type, n)
		}
		for _, op := range []int{opUpdate, opDelete} { // the kernel's verifier refuses such a program
			if errno := c.do(op, 1, le32(1), le32(1), 0); errno != 524 {
				t.Errorf("%v: a program's operation %d: %v", spec.Type, op, errno)
			}
		}
		if err := errors.Join(g.Update(le32(2), le64(9), maps.Any), g.Delete(le32(1))); err != nil {
			t.Error(err)
		}
		seen := map[uint32]uint64{}
		for key, values := range g.All() {
			seen[binary.LittleEndian.Uint32(key)] = binary.LittleEndian.Uint64(values[0])
		}
		if want := map[uint32]uint64{2: 9, 4: maps.Identity("o.four")}; len(seen) != 2 || seen[2] != want[2] || seen[4] != want[4] {
			t.Errorf("%v: %v, want %v", spec.Type, seen, want)
		}
		other := spec
		other.Inner.ValueSize = 16
		if err := maps.Make(path, other); err == nil || !strings.Contains(err.Error(), "inner map") {
			t.Errorf("%v: of other maps: %v", spec.Type, err)
		}
	}
}
