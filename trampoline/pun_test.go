package trampoline_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/trampoline"
)

// f has a loop behind its first instruction, of N bytes; the second begins with
// 05 44 33 22 and the TOP of the distance that a punned jump gets.
const punned = `
	.include "function.inc"
	.balign 4096
begin f
	.if N == 1
	cwtl
1:	add	$TOP << 16 | 0x3344, %eax
	.else
	xor	%eax, %eax
1:	add	$TOP << 8 | 0x44, %eax
	.endif
	dec	%edi
	jg	1b
	ret
end f
begin g
	lea	2(%rdi), %rax
	ret
end g
`

// placePunned places the entry of f where only pages that vacant accepts are free.
func placePunned(t *testing.T, source string, vacant func(page uint64) bool) (a *trampoline.Arena, f uint64, o trampoline.Outcome) {
	t.Helper()
	file := openFile(t, assemble(t, "f", source+punned))
	symbols, err := file.Lookup("f")
	if err != nil {
		t.Fatal(err)
	}
	f = symbols[0].Value
	a = newArena(file, f)
	a.Vacant = vacant
	a.Last()
	o, _ = trampoline.Place(a, f, []trampoline.Program{{}}, nil)
	checkPunned(t, file, a)
	return a, f, o
}

// checkPunned: what is behind the window stays, and the plan is one that an applier
// accepts.
func checkPunned(t *testing.T, file *elfsym.File, a *trampoline.Arena) {
	t.Helper()
	checkStubs(t, a.Unit)
	checkPlan(t, a.Unit)
	for _, p := range a.Patches {
		orig, err := file.Bytes(p.Vaddr, len(p.Orig))
		if err != nil || string(orig) != string(p.Orig) || p.RelAt != abi.PATCH_NO_REL {
			t.Errorf("%x over %x, in the file stands %x: %v", p.Text, p.Orig, orig, err)
		}
	}
}

func anywhere(uint64) bool { return true }

// TestPunOneByte: of a window of one byte all of the distance is given.
func TestPunOneByte(t *testing.T) {
	a, f, o := placePunned(t, "N = 1\nTOP = 0xd0\n", anywhere)
	if o.Tactic != abi.TACTIC_PUN || len(a.Outposts) != 1 || len(a.Patches) != 1 {
		t.Fatalf("%+v, %d outposts", o, len(a.Outposts))
	}
	if got, want := hex(a.Patches[0].Orig)+" -> "+hex(a.Patches[0].Text), "98 05 44 33 d0 -> e9 05 44 33 d0"; got != want {
		t.Errorf("patch %s, want %s", got, want)
	}
	if want := f + 5 - (1<<32 - 0xd0334405); a.Outposts[0].Vaddr != want || a.Outposts[0].Stub != a.Patches[0].Stub {
		t.Errorf("outpost %+v, want it at %#x", a.Outposts[0], want)
	}
}

// TestPunTwoBytes: with one byte free to choose, 256 places do; the first in a page
// that is free is taken.
func TestPunTwoBytes(t *testing.T) {
	a, f, o := placePunned(t, "N = 2\nTOP = 0x10\n", anywhere)
	if o.Tactic != abi.TACTIC_PUN {
		t.Fatalf("%+v", o)
	}
	if got, want := hex(a.Patches[0].Orig)+" -> "+hex(a.Patches[0].Text), "31 c0 05 44 10 -> e9 00 05 44 10"; got != want {
		t.Errorf("patch %s, want %s", got, want)
	}
	if want := f + 5 + 0x10440500; a.Outposts[0].Vaddr != want {
		t.Errorf("outpost %+v, want it at %#x", a.Outposts[0], want)
	}
}

// TestPunRefused: no vacancy where it could lead, or nobody who knows.
func TestPunRefused(t *testing.T) {
	for name, vacant := range map[string]func(uint64) bool{
		"nothing is free":      func(uint64) bool { return false },
		"nobody knows":         nil,
		"only the pages below": func(page uint64) bool { return page > 1<<40 },
	} {
		t.Run(name, func(t *testing.T) {
			if a, _, o := placePunned(t, "N = 2\nTOP = 0x10\n", vacant); o.Err == nil || len(a.Outposts)+len(a.Patches) > 0 {
				t.Errorf("tactic %d, outposts %v, %d patches", o.Tactic, a.Outposts, len(a.Patches))
			}
		})
	}
}

// TestPunKeepsBytes: the bytes a punned jump ends in are nobody's to patch.
func TestPunKeepsBytes(t *testing.T) {
	a, f, o := placePunned(t, "N = 1\nTOP = 0xd0\n", anywhere)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	if o := trampoline.PlaceAt(a, f+1, []trampoline.Program{{}}); o.Err == nil {
		t.Errorf("a probe at the second instruction is placed by tactic %d", o.Tactic)
	}
}
