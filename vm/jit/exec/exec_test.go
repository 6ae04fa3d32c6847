//go:build linux && amd64

package exec_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm/internal/conformance"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

// engine runs cases as machine code that may use the given features. The
// program array is map 0; its handle is 1.
func engine(f jit.Features) conformance.Engine {
	return conformance.EngineFunc(func(progs []*proof.Verified, mem []byte) (uint64, error) {
		var loaded []*exec.Program
		defer func() {
			for _, p := range loaded {
				if p != nil {
					p.Close()
				}
			}
		}()
		opts := exec.Options{
			Helpers:  conformance.Helpers(),
			Maps:     []uint64{1},
			Features: &f,
			TailCall: func(array uint64, index uint32) *exec.Program {
				if array != 1 || index >= uint32(len(loaded)) {
					return nil
				}
				return loaded[index]
			},
		}
		for _, v := range progs {
			if v == nil {
				loaded = append(loaded, nil)
				continue
			}
			p, err := exec.New(v, opts)
			if err != nil {
				return 0, err
			}
			loaded = append(loaded, p)
		}
		return loaded[0].Run(mem)
	})
}

func TestConformance(t *testing.T) {
	t.Run("any", func(t *testing.T) { conformance.Run(t, engine(jit.Features{}), false) })
	t.Run("bmi2", func(t *testing.T) {
		if !jit.HostFeatures().BMI2 {
			t.Skip("this processor has no BMI2")
		}
		conformance.Run(t, engine(jit.Features{BMI2: true}), false)
	})
}
