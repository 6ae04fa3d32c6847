package syscallhook

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKept: what was kept of a file is what Find said, and what was not is refused: cut, changed where the file says
// otherwise, or of another file.
func TestKept(t *testing.T) {
	libc, linker := open(t, "/lib/x86_64-linux-gnu/libc.so.6"), open(t, "/lib64/ld-linux-x86-64.so.2")
	sites := find(t, libc)
	b := Marshal(sites)
	back, err := Unmarshal(libc, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sites, back); diff != "" {
		t.Error(diff)
	}
	if _, err := Unmarshal(linker, b); err == nil {
		t.Error("the sites of libc were taken for those of the dynamic linker")
	}
	for n := range len(b) / 97 {
		if _, err := Unmarshal(libc, b[:n*97]); err == nil {
			t.Errorf("%d of %d bytes were taken for all", n*97, len(b))
		}
	}
	wrong := sites
	wrong[7].Vaddr++
	if _, err := Unmarshal(libc, Marshal(wrong)); err == nil {
		t.Error("a site where there is none was believed")
	}
}

// TestKeptDamaged: whatever the file holds, what comes of it are instructions with a syscall among them.
func TestKeptDamaged(t *testing.T) {
	f := open(t, "/lib64/ld-linux-x86-64.so.2")
	good, rng := Marshal(find(t, f)), rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		b := append([]byte{}, good...)
		for range 1 + rng.IntN(4) {
			b[keptHead+rng.IntN(len(b)-keptHead)] = byte(rng.Uint32())
		}
		sites, err := Unmarshal(f, b)
		if err != nil {
			continue
		}
		for _, s := range sites {
			if s.Tactic == Trap {
				continue
			}
			code, err := f.Bytes(s.Vaddr, len(opcode))
			if err != nil || code[0] != opcode[0] || code[1] != opcode[1] || s.Lo > s.Vaddr || s.Hi < s.Vaddr+2 {
				t.Fatalf("%+v: % x, %v", s, code, err)
			}
		}
	}
}
