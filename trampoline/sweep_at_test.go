package trampoline_test

import (
	"os"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/trampoline"
)

// TestSweepPoints places programs at instructions of many functions, together with entry and return: what is not refused
// is a unit that an applier accepts, no patch touches a byte of another, or one that a symbol, a pointer in data or an
// exception enters, and most have room.
func TestSweepPoints(t *testing.T) {
	for _, path := range swept[:1] {
		file := openFile(t, path)
		fns := file.Functions()
		step, placed, refused := max(1, len(fns)/300), 0, 0
		if os.Getenv("BPFTIME_TORTURE") == "1" {
			step = 1
		}
		var addrs []uint64
		for i := 0; i < len(fns); i += step {
			addrs = append(addrs, fns[i].Lo)
		}
		a := newArena(file, addrs...)
		program := []trampoline.Program{{}}
		for n := 0; n < len(fns); n += step {
			p := trampoline.Probes{At: every(t, file, fns[n], 1+n%7)}
			if n%2 == 0 {
				p.Entry, p.Return = program, program
			}
			for _, o := range trampoline.PlaceAll(a, fns[n].Lo, p).At {
				if o.Err == nil {
					placed++
				} else {
					refused++
				}
			}
		}
		checkUnit(t, file, a.Unit)
		checkEntered(t, path, file, a)
		t.Logf("%s: %d points in %d functions placed, %d refused", path, placed, len(addrs), refused)
		if placed < 4*refused {
			t.Errorf("%s: %d points are placed, and %d refused", path, placed, refused)
		}
	}
}

// every is a program at each nth instruction of a function but the first.
func every(t *testing.T, file *elfsym.File, fn elfsym.Func, n int) (points []trampoline.Point) {
	t.Helper()
	code, err := file.Bytes(fn.Lo, int(fn.Hi-fn.Lo))
	if err != nil {
		t.Fatal(err)
	}
	for at, i := 0, 0; at < len(code); i++ {
		in, err := x86.Decode(code[at:])
		if err != nil {
			return nil // refused whole
		}
		if i > 0 && i%n == 0 && len(points) < 2000 {
			points = append(points, trampoline.Point{Addr: fn.Lo + uint64(at), Programs: []trampoline.Program{{}}})
		}
		at += in.Len
	}
	return points
}
