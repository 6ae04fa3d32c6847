package gen_test

import (
	"errors"
	"os"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/gen"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

// engines are all that run in this process.
var engines = append([]gen.Engine{interpreter}, machineCodes()...)

// machineCodes are the JIT with what this processor has and as on the oldest;
// none where there is no JIT.
func machineCodes() []gen.Engine {
	all := []gen.Engine{machineCode("jit", nil), machineCode("jit, old", &jit.Features{})}
	p, err := vm.Validate(vm.MustAssemble("r0 = 0; exit"), vm.Options{})
	if err != nil {
		panic(err)
	}
	if _, err := all[0].Run(unverified.Program(p), nil); errors.Is(err, exec.ErrUnsupported) {
		return nil
	}
	return all
}

func machineCode(name string, features *jit.Features) gen.Engine {
	return gen.Engine{Name: name, Run: func(p *proof.Verified, mem []byte) (uint64, error) {
		x, err := exec.New(p, exec.Options{Helpers: helpers, Features: features})
		if err != nil {
			return 0, err
		}
		defer x.Close()
		return x.Run(mem)
	}}
}

// torture reports whether the long forms of tests are wanted.
func torture() bool { return os.Getenv("BPFTIME_TORTURE") == "1" }

func needJIT(t testing.TB) {
	t.Helper()
	if len(engines) == 1 {
		t.Skip(exec.ErrUnsupported)
	}
}

// compare reports a disagreement with a case that is as small as it gets.
func compare(t *testing.T, c *gen.Case) {
	t.Helper()
	fails := func(c *gen.Case) bool { return c.Compare(engines...) != nil }
	if fails(c) {
		t.Error(c.Reduce(fails).Compare(engines...))
	}
}

// The JIT computes what the interpreter computes.
func TestEnginesAgree(t *testing.T) {
	needJIT(t)
	count := uint64(3000)
	if torture() {
		count = 300_000
	}
	for seed := range count {
		compare(t, gen.Generate(seed, gen.Options{Helper: helperID}))
	}
}

// FuzzEngines varies the seed and what programs may contain. Its corpus is of
// seeds, which mean other programs when the generator changes; what it finds is
// to be kept in vm/testdata/isa, as the failure says.
func FuzzEngines(f *testing.F) {
	needJIT(f)
	for seed := range uint64(32) {
		f.Add(seed, uint8(seed%16|3), uint8(8*seed%120))
	}
	f.Fuzz(func(t *testing.T, seed uint64, what, size uint8) {
		compare(t, gen.Generate(seed, gen.Options{
			CPU:     int(what&3) + 1,
			Kernel:  what&4 != 0,
			NoFetch: what&8 != 0,
			Helper:  helperID,
			Size:    int(size % 120),
		}))
	})
}
