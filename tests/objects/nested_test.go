package objects

import (
	"encoding/binary"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestMapsOfMaps: what the object puts in is found; what is put in later too, if a map of that definition is among those
// that the process has; anything else is none, and counted.
func TestMapsOfMaps(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const n = 20
		c := host.Cmd{Args: []string{target(t), "add", "20"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, "objects: [{path: OBJ/nested.bpf.o, attach: {on_add: \"uprobe/TARGET:add\"}}]"))
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		wantCounts(t, tr, "nested", map[string]uint64{"found": n, "none": 2 * n, "third": 0, "slotted": n})
		wantEntry(t, tr, "nested.even", 7, n/2)
		wantEntry(t, tr, "nested.odd", 7, n/2)
		wantEntry(t, tr, "nested.first", 3, 3+7+11+15+19)
		outer, err := maps.OpenWriter(tr.Path() + "/maps/nested.by_index")
		if err != nil {
			t.Fatal(err)
		}
		defer outer.Close()
		third := func(name string) {
			t.Helper()
			id := binary.LittleEndian.AppendUint64(nil, maps.Identity(name))
			if err := outer.Update([]byte{2, 0, 0, 0}, id, maps.Any); err != nil {
				t.Fatal(err)
			}
			host.Run(t, c, tr)
		}
		third("nested.spare")
		wantCounts(t, tr, "nested", map[string]uint64{"third": n})
		wantEntry(t, tr, "nested.spare", 7, n)
		for i, name := range []string{"nested.narrow", "nested.first", "nested.by_index", "nested.nothing"} { // of other definitions, or unknown
			third(name)
			wantCounts(t, tr, "nested", map[string]uint64{"third": n, "found": uint64(n * (i + 3))})
			if got, want := outer.Misses(), uint64(n*(i+1)); got != want {
				t.Errorf("%s: %d misses, want %d", name, got, want)
			}
		}
	})
}

func wantEntry(t *testing.T, tr *host.Trace, name string, key byte, want uint64) {
	t.Helper()
	values, err := opened(t, tr, name).Lookup([]byte{key, 0, 0, 0})
	if err != nil || binary.LittleEndian.Uint64(values[0]) != want {
		t.Errorf("%s: %d: %x, %v; want %d", name, key, values, err, want)
	}
}
