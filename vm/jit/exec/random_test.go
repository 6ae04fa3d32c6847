//go:build linux && amd64

package exec_test

import (
	"os"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm/gen"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

const randomHelper = 5

var randomHelpers = new(helper.Registry).Register(randomHelper, helper.Pure(weigh))

// randomEngines are the interpreter and the machine code for each set of
// features, with the helper in Go and as machine code.
func randomEngines(t testing.TB) []gen.Engine {
	engines := []gen.Engine{{Name: "interpreter", Run: func(p *proof.Verified, mem []byte) (uint64, error) {
		m, err := interp.New(p.Program(), interp.Options{Helpers: randomHelpers, Budget: 10_000_000})
		if err != nil {
			return 0, err
		}
		return m.Run(mem)
	}}}
	native := new(helper.Registry).RegisterAddr(randomHelper, nativeCode(t, nativeWeigh))
	for _, f := range features() {
		for name, reg := range map[string]*helper.Registry{"helper in Go": randomHelpers, "native helper": native} {
			engines = append(engines, jitEngine(name, f, reg))
		}
	}
	return engines
}

func jitEngine(name string, f jit.Features, reg *helper.Registry) gen.Engine {
	if f.BMI2 {
		name += ", BMI2"
	}
	return gen.Engine{Name: name, Run: func(p *proof.Verified, mem []byte) (uint64, error) {
		x, err := exec.New(p, exec.Options{Features: &f, Helpers: reg})
		if err != nil {
			return 0, err
		}
		defer x.Close()
		return x.Run(mem)
	}}
}

// nativeWeigh is weigh, with every register that a callee may clobber clobbered
// and rsp checked: it faults unless rsp is aligned as the ABI has it.
var nativeWeigh = []byte{
	0x48, 0x8d, 0x44, 0x24, 0x08, // lea    0x8(%rsp),%rax
	0xa8, 0x0f, // test   $0xf,%al
	0x74, 0x02, // je     +2
	0x0f, 0x0b, // ud2
	0x4d, 0x6b, 0xc0, 0x0a, // imul   $10,%r8,%r8
	0x49, 0x01, 0xc8, // add    %rcx,%r8
	0x4d, 0x6b, 0xc0, 0x0a, // imul   $10,%r8,%r8
	0x49, 0x01, 0xd0, // add    %rdx,%r8
	0x4d, 0x6b, 0xc0, 0x0a, // imul   $10,%r8,%r8
	0x49, 0x01, 0xf0, // add    %rsi,%r8
	0x4d, 0x6b, 0xc0, 0x0a, // imul   $10,%r8,%r8
	0x49, 0x01, 0xf8, // add    %rdi,%r8
	0x4c, 0x89, 0xc0, // mov    %r8,%rax
	0xb9, 0x01, 0x00, 0x00, 0x00, // mov    $1,%ecx
	0xba, 0x02, 0x00, 0x00, 0x00, // mov    $2,%edx
	0xbe, 0x03, 0x00, 0x00, 0x00, // mov    $3,%esi
	0xbf, 0x04, 0x00, 0x00, 0x00, // mov    $4,%edi
	0x41, 0xb8, 0x05, 0x00, 0x00, 0x00, // mov $5,%r8d
	0x41, 0xb9, 0x06, 0x00, 0x00, 0x00, // mov $6,%r9d
	0x41, 0xba, 0x07, 0x00, 0x00, 0x00, // mov $7,%r10d
	0x41, 0xbb, 0x08, 0x00, 0x00, 0x00, // mov $8,%r11d
	0xc3,
}

// Random programs that call helpers leave the same registers, stack and memory
// behind in every engine. (vm/gen compares many more, with one kind of helper.)
func TestRandomPrograms(t *testing.T) {
	engines := randomEngines(t)
	fails := func(c *gen.Case) bool { return c.Compare(engines...) != nil }
	count := uint64(2000)
	if os.Getenv("BPFTIME_TORTURE") == "1" {
		count = 200_000
	}
	for seed := range count {
		if c := gen.Generate(1<<32+seed, gen.Options{Helper: randomHelper}); fails(c) {
			t.Fatal(c.Reduce(fails).Compare(engines...))
		}
	}
}
