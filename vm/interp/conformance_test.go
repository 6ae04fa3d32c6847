package interp_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/internal/conformance"
	"github.com/bpftime-go/bpftime/vm/interp"
)

// engine runs cases in the interpreter. The program array is map 0; its handle
// is 1.
func engine(progs []*proof.Verified, mem []byte) (uint64, error) {
	m, err := interp.New(progs[0].Program(), interp.Options{
		Helpers: conformance.Helpers(),
		Maps:    []uint64{1},
		TailCall: func(array uint64, index uint32) *vm.Program {
			if array != 1 || index >= uint32(len(progs)) {
				return nil
			}
			return progs[index].Program()
		},
		Budget: 100_000_000,
	})
	if err != nil {
		return 0, err
	}
	return m.Run(mem)
}

func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.EngineFunc(engine), true)
}
