package objects

import (
	"maps"
	"slices"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestNames: names of C++ in sections, mangled and not; all overloads of one that says no more. An exception passes
// through a probed function as ever, and its return does not count. A pinned map has its own name only; a ring that
// is full says so.
func TestNames(t *testing.T) {
	shop := compiled(t, "g++", "shop", "shop.cpp")
	forVariants(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{shop}, Dir: host.WorkDir(t)}
		tr := trace(t, v, "objects: [{path: OBJ/shop.bpf.o}]")
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		want := map[uint64]uint64{0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 1<<32 - 1: 1}
		if got := table(t, tr, "puts_by_count"); !maps.Equal(got, want) {
			t.Errorf("puts %v, want %v", got, want)
		}
		lines := []string{"0 in the cart, even", "1 in the cart, odd", "3 in the cart, odd", "6 in the cart, even", "10 in the cart, even"}
		if got := printed(t, tr); !slices.Equal(got, lines) {
			t.Errorf("printed %q", got)
		}
		g := globals(t, tr, "shop", "bss")
		if g["made"] != 4096/64 || g["full"] != 100-4096/64 || g["large[1048575]"] != 6 {
			t.Errorf("%d records made, %d not, %d puts", g["made"], g["full"], g["large[1048575]"])
		}
	})
}
