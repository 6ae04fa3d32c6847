package maps_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

func arenaSpec(pages uint32) maps.Spec {
	return maps.Spec{Type: maps.Arena, MaxEntries: pages, Flags: maps.Mmapable, Start: 1<<44 | 16<<12}
}

// takenIn are the pages that are taken in a file.
func takenIn(t *testing.T, path string) map[uint64]bool {
	t.Helper()
	m, err := maps.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	taken := map[uint64]bool{}
	for addr := range m.Pages {
		taken[(addr-m.Spec().Start)/abi.MAP_PAGE] = true
	}
	return taken
}

// TestArenaKilledAnywhere: a process is killed behind every instruction that takes pages or gives them back. At most
// those are lost, pages of others stay theirs, free ones stay free, and who comes next gets zeros.
func TestArenaKilledAnywhere(t *testing.T) {
	addr := func(page uint64) []byte {
		return binary.LittleEndian.AppendUint64(nil, arenaSpec(1).Start+page*abi.MAP_PAGE)
	}
	for _, s := range []struct {
		name        string
		pages       int
		taken       uint32 // before, from the first on
		op          operation
		first, last uint64 // the pages it is about
	}{
		{"take one", 8, 3, operation{"alloc", followed, nil, nil, 1}, 3, 3},
		{"take some, in two words", 70, 62, operation{"alloc", followed, nil, nil, 5}, 62, 66},
		{"give one back", 8, 4, operation{"free", followed, addr(2), nil, 1}, 2, 2},
		{"give some back, in three words", 200, 150, operation{"free", followed, addr(10), nil, 130}, 10, 139},
	} {
		t.Run(s.name, func(t *testing.T) {
			path := makeMap(t, arenaSpec(uint32(s.pages)))
			m := openWriter(t, path)
			if _, err := m.AllocPages(s.taken); err != nil {
				t.Fatal(err)
			}
			dirty, err := m.Resolve(m.Spec().Start+s.first*abi.MAP_PAGE, 64)
			if err != nil {
				t.Fatal(err)
			}
			copy(dirty, bytes.Repeat([]byte{0xff}, 64))
			list := states(t, path, s.op)
			if len(list) < 3 {
				t.Fatalf("only %d states", len(list))
			}
			t.Logf("%d states", len(list))
			state := filepath.Join(shared(t), "state")
			for i, b := range list {
				overwrite(t, state, b)
				taken := takenIn(t, state)
				for page := range uint64(s.pages) {
					if its := page >= s.first && page <= s.last; !its && taken[page] != (page < uint64(s.taken)) {
						t.Fatalf("state %d: page %d is taken: %v", i, page, taken[page])
					}
				}
				takeAll(t, state, s.pages-len(taken))
			}
		})
	}
}

// takeAll has another process take all pages that are left, and reads zeros in them.
func takeAll(t *testing.T, path string, left int) {
	t.Helper()
	before := takenIn(t, path)
	if left > 0 {
		session := makeSession(t)
		f := follow(t, session, path, operation{"alloc", 9, nil, nil, 1})
		if errno := f.finish(); errno != 0 {
			t.Fatal(errno)
		}
	}
	m, err := maps.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range left - 1 {
		if _, err := m.AllocPages(1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.AllocPages(1); !errors.Is(err, unix.ENOMEM) {
		t.Fatalf("a page beyond the last: %v", err)
	}
	for addr, page := range m.Pages {
		if !before[(addr-m.Spec().Start)/abi.MAP_PAGE] && len(bytes.Trim(page, "\x00")) != 0 {
			t.Fatalf("the page at %#x is not empty", addr)
		}
	}
}

// TestArenaShared: processes take pages and give them back, none has a page of another, and all come back.
func TestArenaShared(t *testing.T) {
	rounds := 20_000
	if os.Getenv(torture) != "" {
		rounds = 1_000_000
	}
	path := makeMap(t, arenaSpec(128))
	cmd := exec.Command(build(t, "testdata/arena.c"), makeSession(t), path, "6", fmt.Sprint(rounds))
	out, err := cmd.CombinedOutput()
	var wrong, none int
	if _, scan := fmt.Sscan(string(out), &wrong, &none); err != nil || scan != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%d times there were no pages", none)
	if taken := takenIn(t, path); wrong != 0 || none == 0 || len(taken) != 0 {
		t.Errorf("%d pages of others, %d times none, %d pages did not come back", wrong, none, len(taken))
	}
}

// TestArenaFromGo: the same as programs have it.
func TestArenaFromGo(t *testing.T) {
	spec := arenaSpec(100)
	m := openWriter(t, makeMap(t, spec))
	a, err := m.AllocPages(70)
	if err != nil || a != spec.Start {
		t.Fatalf("%#x, %v", a, err)
	}
	if _, err := m.AllocPages(31); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("more than are left: %v", err)
	}
	b, err := m.Resolve(a+8, 8)
	if err != nil {
		t.Fatal(err)
	}
	b[0] = 7
	if err := m.FreePages(a, 2); err != nil {
		t.Fatal(err)
	}
	if again, err := m.AllocPages(1); again != a || err != nil || b[0] != 0 {
		t.Errorf("%#x, %v, with %d in it", again, err, b[0])
	}
	if used := m.PagesUsed(); used != 69 {
		t.Errorf("%d pages are used", used)
	}
	if err := m.FreePages(spec.Start+99*abi.MAP_PAGE, 1000); err != nil || m.PagesUsed() != 69 {
		t.Errorf("%v, %d pages", err, m.PagesUsed())
	}
	// The low half of an address counts, as in programs.
	if _, err := m.Resolve(uint64(uint32(spec.Start)), 100*abi.MAP_PAGE); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		addr uint64
		n    int
	}{{spec.Start - 1, 1}, {spec.Start, 100*abi.MAP_PAGE + 1}, {spec.Start + 100*abi.MAP_PAGE, 1}, {0, 1}, {spec.Start, -1}} {
		if _, err := m.Resolve(c.addr, c.n); !errors.Is(err, unix.EFAULT) {
			t.Errorf("%d bytes at %#x: %v", c.n, c.addr, err)
		}
	}
	for what, err := range map[string]error{
		"update": m.Update(nil, nil, maps.Any), "delete": m.Delete(nil), "no pages": func() error { _, err := m.AllocPages(0); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := m.Lookup(nil); !errors.Is(err, unix.ENOTSUP) {
		t.Errorf("lookup: %v", err)
	}
}

// TestArenaSpecs: what no arena is made of.
func TestArenaSpecs(t *testing.T) {
	for name, change := range map[string]func(*maps.Spec){
		"keys":               func(s *maps.Spec) { s.KeySize = 4 },
		"values":             func(s *maps.Spec) { s.ValueSize = 8 },
		"no pages":           func(s *maps.Spec) { s.MaxEntries = 0 },
		"too many pages":     func(s *maps.Spec) { s.MaxEntries = 1 << 18 },
		"not to be mapped":   func(s *maps.Spec) { s.Flags = 0 },
		"flags":              func(s *maps.Spec) { s.Flags |= 1 },
		"amid a page":        func(s *maps.Spec) { s.Start++ },
		"across 4 GiB":       func(s *maps.Spec) { s.Start = 1<<44 - abi.MAP_PAGE },
		"and once with both": func(s *maps.Spec) { s.KeySize, s.ValueSize = 4, 4 },
	} {
		spec := arenaSpec(8)
		change(&spec)
		if err := maps.Make(filepath.Join(t.TempDir(), "m"), spec); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
}

// TestArenaHeaders: C and Go refuse each header that is wrong in one field.
func TestArenaHeaders(t *testing.T) {
	path := makeMap(t, arenaSpec(8))
	for _, at := range []int64{abi.MAP_HDR_MAGIC, abi.MAP_HDR_VERSION, abi.MAP_HDR_TYPE, abi.MAP_HDR_KEY_SIZE, abi.MAP_HDR_VALUE_SIZE, abi.MAP_HDR_MAX_ENTRIES,
		abi.MAP_HDR_SIZE, abi.MAP_HDR_DATA + 1, abi.MAP_HDR_NNODES, abi.MAP_HDR_CONTROL + 4, abi.MAP_HDR_FREE + 4, abi.MAP_HDR_START} {
		restore := poke(t, path, at, 0x10)
		if m, err := maps.Open(path); err == nil {
			m.Close()
			t.Errorf("byte %d: Go opens it", at)
		}
		if useC(t, path, maps.Spec{Type: maps.Arena}) != 1 {
			t.Errorf("byte %d: C uses it", at)
		}
		restore()
	}
	if m, err := maps.Open(path); err != nil {
		t.Error(err)
	} else {
		m.Close()
	}
}
