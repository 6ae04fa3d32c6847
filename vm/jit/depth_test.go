package jit

import (
	"testing"

	"github.com/bpftime-go/bpftime/vm"
)

func TestStackDepth(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"none", "r0 = 0; exit", 0},
		{"direct", "*(u64 *)(r10 - 40) = 0; r0 = *(u32 *)(r10 - 44); exit", 44},
		{"atomic", "r1 = 1; lock *(u64 *)(r10 - 64) += r1; r0 = 0; exit", 64},
		{"load acquire", "r0 = load_acquire((u64 *)(r10 - 72)); exit", 72},
		{"given to a helper", "r2 = r10; r2 += -24; call 1; exit", 24},
		{"copied", "r6 = r10; r6 += -24; r7 = r6; *(u8 *)(r7 - 6) = 0; r0 = 0; exit", 30},
		{"moved up and down", "r6 = r10; r6 += -24; r6 -= 8; r6 += 16; *(u8 *)(r6 + 2) = 0; r0 = 0; exit", 14},
		{"not used", "r2 = r10; r2 += -24; r0 = 0; exit", 0},
		{"the deeper of two ways", `
			r2 = r10
			if r1 == 0 goto other
			r2 += -16
			goto use
		other:
			r2 += -80
		use:
			r0 = *(u64 *)(r2 + 0)
			exit`, 80},
		{"one way is no stack", "r2 = r10; r2 += -16; if r1 == 0 goto +1; r2 = r3; r0 = *(u64 *)(r2 - 8); exit", 24},
		{"a loop that stays", `
			r6 = r10
			r6 += -32
			r1 = 4
		again:
			*(u64 *)(r6 + 0) = 0
			r1 -= 1
			if r1 != 0 goto again
			r0 = 0
			exit`, 32},
		{"forgotten by a call", "r2 = r10; r2 += -24; call 1; r0 = *(u8 *)(r2 - 400); exit", 24},
		{"kept by a call", "r6 = r10; r6 += -24; call 1; r0 = *(u8 *)(r6 - 100); exit", 124},

		{"a variable offset", "r2 = r10; r2 += -64; r2 += r1; r0 = *(u8 *)(r2 + 0); exit", 512},
		{"added the other way", "r1 += r10; r0 = *(u8 *)(r1 - 64); exit", 512},
		{"a loop that sinks", "r6 = r10; again: r6 += -1; *(u8 *)(r6 + 0) = 0; if r6 != r1 goto again; r0 = 0; exit", 512},
		{"stored", "r2 = r10; r2 += -8; *(u64 *)(r10 - 16) = r2; r0 = 0; exit", 512},
		{"r10 stored", "*(u64 *)(r1 + 0) = r10; r0 = 0; exit", 512},
		{"exchanged into memory", "r2 = r10; r2 = xchg_64(r1 + 0, r2); r0 = 0; exit", 512},
		{"given to a function", "r1 = r10; r1 += -8; call f; exit\nf: *(u64 *)(r1 - 100) = 0; r0 = 0; exit", 512},
		{"given through a register", "r2 = subprog[f]; r1 = r10; callx r2; exit\nf: r0 = 0; exit", 512},
		{"given to a helper that calls back", `
			r2 = subprog[f]
			r3 = r10
			r3 += -8
			call 181
			r0 = 0
			exit
		f:
			*(u64 *)(r2 - 100) = 0
			r0 = 0
			exit`, 512},
		{"32-bit arithmetic", "r2 = r10; w2 += -8; r0 = *(u8 *)(r2 + 0); exit", 512},
		{"sign-extended", "r2 = r10; r2 = (s32)r2; r0 = *(u8 *)(r2 + 0); exit", 512},
		{"negated", "r2 = r10; r2 = -r2; r0 = *(u8 *)(r2 + 0); exit", 512},
		{"out of the frame", "r2 = r10; r2 += -1000; r0 = *(u8 *)(r2 + 900); exit", 512},
		{"above the frame", "r2 = r10; r2 += 8; r0 = *(u8 *)(r2 - 16); exit", 512},
	} {
		p, err := vm.Validate(vm.MustAssemble(c.text), vm.Options{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := useOfStack(p, 0).depth; got != c.want {
			t.Errorf("%s: depth %d, want %d", c.name, got, c.want)
		}
	}
}

// The analysis ends, and soon, where values sink in every register at once.
func TestStackDepthOfNestedLoops(t *testing.T) {
	text := "r0 = 0\n"
	for r := 1; r < 10; r++ {
		text += "r" + string(rune('0'+r)) + " = r10\n"
	}
	text += "again:\n"
	for r := 1; r < 10; r++ {
		name := "r" + string(rune('0'+r))
		text += name + " += -1\nif " + name + " != r0 goto again\n"
	}
	text += "exit\n"
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := useOfStack(p, 0).depth; got != 0 {
		t.Errorf("depth %d of a function that touches no stack", got)
	}
}
