package verifier_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// TestWritesContext: what certainly writes is found by whatever way the pointer went, and
// what plainly does not is not suspected.
func TestWritesContext(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"*(u64 *)(r1 + 80) = 1; r0 = 0; exit", true},
		{"r0 = 1; lock *(u64 *)(r1 + 80) += r0; exit", true},
		{"r2 = r1; r2 += 80; r3 = 1; *(u64 *)(r2 + 0) = r3; r0 = 0; exit", true},
		{"r6 = r1; call 14; *(u64 *)(r6 + 80) = r0; r0 = 0; exit", true},
		// Spilled and reloaded; by another pointer to the stack; by a map.
		{"*(u64 *)(r10 - 8) = r1; r2 = *(u64 *)(r10 - 8); *(u64 *)(r2 + 0) = 1; r0 = 0; exit", true},
		{"r3 = r10; r3 -= 16; *(u64 *)(r3 + 8) = r1; r2 = *(u64 *)(r10 - 8); *(u64 *)(r2 + 0) = 1; r0 = 0; exit", true},
		{"*(u64 *)(r10 - 8) = r1; r3 = r10; r4 = *(u64 *)(r1 + 0); r3 += r4; r2 = *(u64 *)(r3 + 0); *(u64 *)(r2 + 0) = 1; r0 = 0; exit", true},
		{"r2 = map[0][0]+0; *(u64 *)(r2 + 0) = r1; r3 = *(u64 *)(r2 + 0); *(u64 *)(r3 + 0) = 1; r0 = 0; exit", true},
		// Stored behind the load, which a loop comes to again.
		{"r2 = 0; r3 = 2\nagain: r4 = *(u64 *)(r10 - 8); if r2 == 0 goto skip; *(u64 *)(r4 + 0) = 1\nskip: *(u64 *)(r10 - 8) = r1; r2 = 1; r3 += -1; if r3 != 0 goto again; r0 = 0; exit", true},
		// On one of two ways.
		{"r2 = r10; if r3 == 0 goto skip; r2 = r1\nskip: *(u64 *)(r2 - 8) = 1; r0 = 0; exit", true},
		// By a function, or what it returns, or a helper.
		{"call f; exit\nf: *(u64 *)(r1 + 0) = 1; r0 = 0; exit", true},
		{"call f; *(u64 *)(r0 + 0) = 1; exit\nf: r0 = r1; exit", true},
		{"*(u64 *)(r10 - 8) = r1; r1 = r10; call f; r0 = 0; exit\nf: r2 = *(u64 *)(r1 - 8); *(u64 *)(r2 + 0) = 1; r0 = 0; exit", true},
		{"r3 = r1; r2 = subprog[f]; r1 = 3; r4 = 0; call 181; r0 = 0; exit\nf: *(u64 *)(r2 + 0) = 1; r0 = 0; exit", true},
		{"r2 = 8; r3 = r1; call 4; r0 = 0; exit", true},
		{"r2 = -1; call 58; r0 = 0; exit", true},

		{"r0 = *(u64 *)(r1 + 80); exit", false},
		{"r6 = r1; call 14; r0 = *(u64 *)(r6 + 80); exit", false},
		{"r1 = map[0][0]+0; *(u64 *)(r1 + 0) = 1; r0 = 0; exit", false},
		{"r2 = *(u64 *)(r1 + 112); *(u64 *)(r10 - 8) = r2; r1 = *(u64 *)(r10 - 8); *(u64 *)(r10 - 16) = r1; r0 = 0; exit", false},
		// The context lies in one word of the stack, a pointer to a value in another.
		{"*(u64 *)(r10 - 8) = r1; r1 = map[2]; r2 = r10; r2 += -20; *(u32 *)(r10 - 20) = 0; call 1; if r0 == 0 goto out; *(u64 *)(r10 - 16) = r0; r2 = *(u64 *)(r10 - 16); *(u64 *)(r2 + 0) = 1; r1 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r1 + 0)\nout: r0 = 0; exit", false},
		{"call 174; call f; exit\nf: *(u64 *)(r10 - 8) = 1; r0 = 0; exit", false},
		{"call 173; *(u64 *)(r10 - 8) = r0; r3 = r10; r2 = subprog[f]; r1 = 3; r4 = 0; call 181; r0 = 0; exit\nf: *(u64 *)(r2 - 8) = r1; r0 = 0; exit", false},
	} {
		p, err := vm.Validate(vm.MustAssemble(c.text), vm.Options{Maps: len(maps)})
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		v, err := verifier.Verify(p, verifier.Options{Maps: maps, Context: 168, WriteContext: true})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		} else if v.WritesContext() != c.want {
			t.Errorf("%s: it may write to its context: %v, want %v", c.text, v.WritesContext(), c.want)
		}
	}
}
