package trampoline_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/trampoline"
)

// Two functions that loop into their first five bytes, a short one between them, and
// the only padding, of N bytes, behind that.
const packed = `
	.include "function.inc"
	.macro	looping name
begin \name
	mov	%edi, %eax
1:	add	$3, %eax
	dec	%edi
	jg	1b
	ret
end \name
	.endm
looping f
looping second
begin tiny
	xor	%eax, %eax
	ret
end tiny
	.skip	N, 0xcc
neighbour
`

// placeNamed places the entries of functions in that order, twice where they are
// refused, and returns the tactics: 0 for refused.
func placeNamed(t *testing.T, file *elfsym.File, names ...string) (a *trampoline.Arena, tactics []uint32) {
	t.Helper()
	var addrs []uint64
	for _, name := range names {
		symbols, err := file.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, symbols[0].Value)
	}
	a = newArena(file, addrs...)
	program := []trampoline.Program{{}}
	for range 2 {
		tactics = append(tactics, make([]uint32, len(addrs)-len(tactics))...)
		for i, addr := range addrs {
			if tactics[i] == 0 {
				e, _ := trampoline.Place(a, addr, program, nil)
				tactics[i] = e.Tactic
			}
		}
		a.Last()
	}
	return a, tactics
}

// TestHolesAreUsedOnce: what is padding to several functions is used by one, and the
// function that needs it behind itself comes first, wherever it stands.
func TestHolesAreUsedOnce(t *testing.T) {
	for _, c := range []struct {
		name, padding string
		want          [3]uint32
	}{
		{"room for one", "5", [3]uint32{0, 0, abi.TACTIC_PADDING}},
		{"room for two", "7", [3]uint32{abi.TACTIC_SHORT, 0, abi.TACTIC_PADDING}},
		{"room for three", "12", [3]uint32{abi.TACTIC_SHORT, abi.TACTIC_SHORT, abi.TACTIC_PADDING}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := openFile(t, assemble(t, c.name, "N = "+c.padding+packed))
			a, got := placeNamed(t, file, "f", "second", "tiny")
			for i, want := range c.want {
				if got[i] != want {
					t.Errorf("function %d: tactic %d, want %d", i, got[i], want)
				}
			}
			checkUnit(t, file, a.Unit)
		})
	}
}

// TestAvoid: what another unit of the module has replaced is no hole.
func TestAvoid(t *testing.T) {
	file := openFile(t, assemble(t, "avoid", "N = 7"+packed))
	other, tactics := placeNamed(t, file, "tiny")
	if tactics[0] != abi.TACTIC_PADDING {
		t.Fatalf("tactic %d", tactics[0])
	}
	symbols, err := file.Lookup("f")
	if err != nil {
		t.Fatal(err)
	}
	a := newArena(file, symbols[0].Value)
	a.Avoid(other.Patches)
	a.Last()
	if e, _ := trampoline.Place(a, symbols[0].Value, []trampoline.Program{{}}, nil); e.Tactic != abi.TACTIC_SHORT {
		t.Fatalf("seven bytes less two: %v", e.Err)
	}
	a.Patches = append(a.Patches, other.Patches...)
	checkUnit(t, file, a.Unit)
}
