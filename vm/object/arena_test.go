package object_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm/object"
)

// TestArenaVariables: they lie at the beginning of the arena, at addresses of its users'.
func TestArenaVariables(t *testing.T) {
	forEach(t, "arena", func(t *testing.T, spec *object.Spec) {
		m := spec.Map("arena")
		if m == nil || len(spec.Maps) != 1 || m.Extra != object.ArenaStart || m.IsData() {
			t.Fatalf("maps are %+v", spec.Maps)
		}
		wantEqual(t, "bytes of variables", len(m.Globals), 8)
		wantEqual(t, "value of calls", binary.LittleEndian.Uint64(m.Globals), 100)
		p := program(t, link(t, spec, object.Options{}), "count")
		v, err := p.Verify(object.ContextOf("uprobe", false))
		if err != nil {
			t.Fatal(err)
		}
		accesses := 0
		for _, its := range v.Arena().Accesses {
			if its {
				accesses++
			}
		}
		if a := v.Arena(); accesses < 2 || a.Start != object.ArenaStart || a.Size != 3*4096 {
			t.Errorf("%d accesses to %d bytes at %#x", accesses, a.Size, a.Start)
		}
		raw, err := spec.MarshalBTF()
		if err != nil || len(raw) == 0 {
			t.Error(err)
		}
	})
}

func TestNoArena(t *testing.T) {
	_, err := object.LoadFile("testdata/noarena.o")
	if err == nil || !strings.Contains(err.Error(), `section ".addr_space.1": variables in an arena, and no map is one; define a map of type BPF_MAP_TYPE_ARENA`) {
		t.Error(err)
	}
}
