//go:build linux && amd64

package exec_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

// lookups are programs that look r1 up in a map, in ways that a compiler has to say so.
var lookups = map[string]string{
	"plain":              "*(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = map[1]; call 1; exit",
	"by way of r6":       "*(u32 *)(r10 - 4) = r1; r6 = map[1]; r2 = r10; r2 += -4; r1 = r6; call 1; exit",
	"another before":     "*(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = map[0]; r1 = map[1]; call 1; exit",
	"either of two":      "*(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = map[1]; if r3 == 0 goto l; r1 = map[2]; l: call 1; exit",
	"behind a call":      "r6 = r1; call 2; *(u32 *)(r10 - 4) = r6; r2 = r10; r2 += -4; r1 = map[1]; call 1; exit",
	"through its memory": "*(u32 *)(r10 - 4) = r1; r2 = r10; r2 += -4; r1 = map[1]; *(u64 *)(r10 - 16) = r1; r1 = *(u64 *)(r10 - 16); call 1; exit",
}

// find is what bpf_map_lookup_elem says of a map that is an array.
func find(a jit.Array, address uint64, calls *int) helper.Func {
	return func(m helper.Memory, r1, r2, _, _, _ uint64) (uint64, error) {
		*calls++
		var key [4]byte
		if err := m.Read(r2, key[:]); err != nil {
			return 0, err
		}
		index := binary.LittleEndian.Uint32(key[:])
		if r1 != address || index >= a.Entries {
			return 0, nil
		}
		return r1 + uint64(a.Data) + uint64(index)*uint64(a.Stride), nil
	}
}

// TestInlinedLookup: a lookup in an array gives what the helper gives, and calls it only where nobody can tell which map
// it is.
func TestInlinedLookup(t *testing.T) {
	const address = 0x7f12_3456_7000
	called := map[string]bool{"either of two": true, "through its memory": true}
	for _, v := range [][3]uint32{{1, 8, 0}, {7, 8, 4096}, {1024, 1, 4096}, {5, 16, 64}, {100, 40, 4096}, {1 << 20, 4096, 4096}, {1<<32 - 1, 8, 8}} {
		a := jit.Array{Entries: v[0], Stride: v[1], Data: int32(v[2])}
		for name, text := range lookups {
			t.Run(fmt.Sprint(name, a), func(t *testing.T) {
				calls := 0
				opts := exec.Options{
					Helpers: new(helper.Registry).Register(1, find(a, address, &calls)).Register(2, helper.Pure(weigh)),
					Maps:    []uint64{0x1000, address, 0x2000},
				}
				p := load(t, text, opts)
				opts.Array = func(i int32) (jit.Array, bool) { return a, i == 1 }
				inlined := load(t, text, opts)
				for _, key := range []uint64{0, 1, 6, 7, uint64(a.Entries) - 1, uint64(a.Entries), 1 << 31, 1<<32 - 1, 1<<32 + 3} {
					want, err := p.Call(key)
					if err != nil {
						t.Fatal(err)
					}
					calls = 0
					wantResult(t, inlined, want, key)
					if (calls != 0) != called[name] {
						t.Errorf("key %#x: %d calls of the helper", key, calls)
					}
				}
			})
		}
	}
}

// TestInlinedLoads: from the context, as far as it goes; where the upper half of what is found is 0, the helper says.
func TestInlinedLoads(t *testing.T) {
	last := inMemory(5, 6, 0x1_0000_0007, 0xffff_ffff)
	middle := inMemory(0, addressOf(last))
	context := inMemory(addressOf(middle), 3)
	for _, c := range []struct {
		name  string
		loads jit.Loads
		text  string
		want  uint64
	}{
		{"one", jit.Loads{At: []int32{8}}, "call 9; exit", 3},
		{"three", jit.Loads{At: []int32{0, 8, 8}}, "call 9; exit", 6},
		{"known", jit.Loads{At: []int32{0, 8, 16}, Upper: true}, "call 9; exit", 0x1_0000_0007},
		{"not known", jit.Loads{At: []int32{0, 8, 24}, Upper: true}, "r1 = 1; r2 = 2; r3 = 3; r4 = 4; r5 = 5; call 9; exit", 54321},
		{"twice", jit.Loads{At: []int32{0, 8, 0}}, "call 9; r6 = r0; r1 = 0; call 9; r0 += r6; exit", 10},
		{"in a function", jit.Loads{At: []int32{0, 8, 0}}, "r1 = 0; call f; exit; f: r1 = 0; call 9; exit", 5},
		{"beside tail calls", jit.Loads{At: []int32{0, 8, 0}}, "r2 = map[0]; r3 = 0; call 12; call 9; exit", 5},
		{"beside tail calls, not known", jit.Loads{At: []int32{0, 8, 24}, Upper: true},
			"r2 = map[0]; r3 = 0; call 12; r1 = 1; r2 = 0; r3 = 0; r4 = 0; r5 = 0; call 9; exit", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := load(t, c.text, exec.Options{
				Helpers: new(helper.Registry).Register(9, helper.Pure(weigh)), Maps: []uint64{1},
				Inline: func(int32) *jit.Loads { return &c.loads },
			})
			wantResult(t, p, c.want, addressOf(context))
		})
	}
}

func inMemory(list ...uint64) (b []byte) {
	for _, w := range list {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}
