package objects

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/maps/ringbuf"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestUserRingbuf: what was written before and while nobody ran is drained in order, in parts where the program says so;
// what fails, fails with the kernel's errors.
func TestUserRingbuf(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{target(t), "greet", "1"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, "objects: [{path: OBJ/drain.bpf.o}]"))
		path := filepath.Join(tr.Path(), "maps", "drain.commands")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := maps.Make(path, maps.Spec{Type: maps.UserRingbuf, MaxEntries: 4096}); err != nil {
			t.Fatal(err)
		}
		var want, got []string
		next := 0
		for range 8 { // round the ring
			for range 8 {
				next++
				text := fmt.Sprintf("%d is text of %d", next, next%9+20)
				data := append([]byte(text)[:4+next%12], make([]byte, next%2*110)...)
				write(t, path, data)
				if len(data) < 16 { // is read as four bytes
					data = data[:4]
				}
				want = append(want, fmt.Sprintf("%d %s", (next-1)%8+1, bytes.TrimRight(data, "\x00")))
			}
			if r := host.Run(t, c, tr); r.Exit != 23 {
				t.Fatalf("exit %d: %s", r.Exit, r.Stderr)
			}
			vars := globals(t, tr, "drain", "bss")
			for name, want := range map[string]int64{"drained": 5, "rest": 3, "bad_flags": -int64(unix.EINVAL), "writable": 0,
				"slice": 1, "nested": -int64(unix.EBUSY)} {
				if got := int64(vars[name]); got != want {
					t.Fatalf("%s: %d, want %d", name, got, want)
				}
			}
		}
		for _, b := range records(t, tr, "drain.answers") {
			got = append(got, fmt.Sprintf("%d %s", number(b[:8]), text(b[8:])))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q\nwant %q", got, want)
		}
	})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	w, err := ringbuf.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Write(data); err != nil {
		t.Fatal(err)
	}
}

// TestUserRingbufFull: one who writes is told that there is no room, and that there never is; a second one is refused.
func TestUserRingbufFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	if err := maps.Make(path, maps.Spec{Type: maps.UserRingbuf, MaxEntries: 4096}); err != nil {
		t.Fatal(err)
	}
	w, err := ringbuf.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := ringbuf.OpenWriter(path); err == nil || err.Error() != "ringbuf: somebody else writes to "+path {
		t.Error(err)
	}
	if err := w.Write(make([]byte, 4089)); !errors.Is(err, unix.E2BIG) {
		t.Error(err)
	}
	n := 0
	for ; n < 1000 && err == nil; n++ {
		err = w.Write(make([]byte, 100))
	}
	if !errors.Is(err, unix.ENOSPC) || n != 4096/112+1 {
		t.Errorf("%d records, %v", n, err)
	}
	if _, err := ringbuf.OpenWriter(filepath.Dir(path)); err == nil {
		t.Error("a directory is written to")
	}
}
