package interp_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/internal/conformance"
	"github.com/bpftime-go/bpftime/vm/interp"
)

// FuzzRun: whatever bytes the decoder takes run to their end or to a fault,
// within the budget and twice alike, and nothing but the context is written.
func FuzzRun(f *testing.F) {
	for _, c := range conformance.Cases(f) {
		if c.Progs[0] != nil {
			f.Add(c.Progs[0], c.Mem)
		}
	}
	f.Fuzz(func(t *testing.T, code, mem []byte) {
		p, err := vm.Load(code, vm.Options{Maps: 1})
		if err != nil || len(mem) > 1<<16 {
			return
		}
		constant := []byte("this is not to be changed")
		m, err := interp.New(p, interp.Options{
			Helpers:   conformance.Helpers(),
			Maps:      []uint64{1},
			MapValues: []uint64{0x10000},
			TailCall:  func(uint64, uint32) *vm.Program { return p },
			Budget:    20_000,
		})
		if err != nil {
			return
		}
		if err := m.Memory().MapAt(0x10000, "constant", bytes.Clone(constant), interp.ReadOnly); err != nil {
			t.Fatal(err)
		}
		first, second := bytes.Clone(mem), bytes.Clone(mem)
		r0, err := m.Run(first)
		executed := m.Executed()
		again, errAgain := m.Run(second)
		if r0 != again || !bytes.Equal(first, second) || errorText(err) != errorText(errAgain) {
			t.Errorf("%d, %v, then %d, %v", r0, err, again, errAgain)
		}
		if executed > 20_000 || errors.Is(err, interp.ErrBudget) && executed != 20_000 {
			t.Errorf("%d instructions: %v", executed, err)
		}
		var fault *interp.Fault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("no fault: %v", err)
		}
		now := make([]byte, len(constant))
		if err := m.Memory().Read(0x10000, now); err != nil || !bytes.Equal(now, constant) {
			t.Errorf("a constant is now %q, %v", now, err)
		}
	})
}
