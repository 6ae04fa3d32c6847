package jit_test

import (
	"errors"
	"testing"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/internal/conformance"
	"github.com/bpftime-go/bpftime/vm/jit"
)

// FuzzCompile: whatever well-formed program is translated or refused, and what
// the code says of itself lies inside of it.
func FuzzCompile(f *testing.F) {
	for _, c := range conformance.Cases(f) {
		if c.Progs[0] != nil {
			f.Add(c.Progs[0], false)
		}
	}
	f.Fuzz(func(t *testing.T, program []byte, bmi2 bool) {
		v, err := unverified.Load(program, vm.Options{Maps: 1})
		if err != nil {
			return
		}
		code, err := jit.Compile(v, jit.Options{Features: jit.Features{BMI2: bmi2}, CallX: []int32{1, 5}})
		if err != nil {
			if !errors.Is(err, jit.ErrUnsupported) {
				t.Error(err)
			}
			return
		}
		size := len(code.Text)
		for i, at := range append(code.Offsets, code.Entry, code.TailEntry) {
			if at < 0 || at > size {
				t.Errorf("offset %d is %d, of %d bytes", i, at, size)
			}
		}
		if n := len(code.Offsets) - 1; n != v.Program().Len() || code.Offsets[n] != size {
			t.Errorf("%d offsets of %d instructions, the last one %d of %d bytes", n+1, v.Program().Len(), code.Offsets[n], size)
		}
		for _, r := range code.Relocs {
			if width := map[jit.RelocKind]int{jit.RelocRel32: 4, jit.RelocAbs64: 8}[r.Kind]; r.Offset < 0 || r.Offset+width > size {
				t.Errorf("%+v reaches out of %d bytes", r, size)
			}
		}
	})
}
