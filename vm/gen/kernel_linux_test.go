package gen_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/gen"
)

// errRejected is the kernel's verifier's refusal.
var errRejected = errors.New("the kernel rejects the program")

// kernel runs a case as an XDP program. Its memory is the value of an array map,
// which a few instructions before the program put into r1.
var kernel = gen.Engine{Name: "kernel", Run: func(p *proof.Verified, mem []byte) (uint64, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(mem)), MaxEntries: 1})
	if err != nil {
		return 0, err
	}
	defer m.Close()
	if err := m.Put(uint32(0), mem); err != nil {
		return 0, err
	}
	prog, err := loadXDP(p.Program(), m, len(mem))
	if err != nil {
		return 0, err
	}
	defer prog.Close()
	if _, err := prog.Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil {
		return 0, err
	}
	value, err := m.LookupBytes(uint32(0))
	if err != nil {
		return 0, err
	}
	copy(mem, value)
	// The kernel keeps 32 bits of r0; all of it is in the memory, as r0 is
	// loaded from there last.
	return binary.LittleEndian.Uint64(mem[gen.ResultOffset:]), nil
}}

func loadXDP(p *vm.Program, m *ebpf.Map, size int) (*ebpf.Program, error) {
	insns := asm.Instructions{asm.LoadMapValue(asm.R1, m.FD(), 0), asm.Mov.Imm(asm.R2, int32(size))}
	insns, err := asm.AppendInstructions(insns, bytes.NewReader(p.Bytes()), binary.LittleEndian, "linux")
	if err != nil {
		return nil, err
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: insns, License: "GPL"})
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) {
		return nil, fmt.Errorf("%w: %v", errRejected, err)
	}
	return prog, err
}

func needKernel(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the kernel as a judge needs root")
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Skipf("the kernel as a judge needs eBPF: %v", err)
	}
	m.Close()
}

// The kernel agrees with the interpreter. It is no infallible judge: Linux 6.18
// removes branches that are taken after an atomic fetch (fixed by 179ee84a8911,
// "bpf: Fix incorrect pruning due to atomic fetch precision tracking"). So every
// other case has no fetch, and there no difference is forgiven; in the others
// one is, if the kernel is alone with it.
func TestKernelAgrees(t *testing.T) {
	needKernel(t)
	count := uint64(600)
	if torture() {
		count = 100_000
	}
	rejected, pruned := 0, 0
	for seed := range count {
		c := gen.Generate(seed, gen.Options{Kernel: true, NoFetch: seed%2 == 0})
		err := c.Compare(append(engines, kernel)...)
		var d *gen.Disagreement
		switch {
		case err == nil:
		case errors.Is(kernelError(err), errRejected):
			rejected++
		case errors.As(err, &d) && c.HasFetch() && slices.Equal(d.Outliers(), []string{"kernel"}):
			pruned++
		default:
			t.Error(err)
		}
	}
	t.Logf("%d programs, %d rejected, %d pruned wrongly by the kernel", count, rejected, pruned)
	if rejected > int(count)/20 {
		t.Errorf("the kernel rejects %d of %d programs", rejected, count)
	}
	if pruned > int(count)/100+2 {
		t.Errorf("the kernel differs after fetches in %d of %d programs, more than its known bug explains", pruned, count)
	}
}

// kernelError is what the kernel failed with, if it did.
func kernelError(err error) error {
	var d *gen.Disagreement
	if errors.As(err, &d) {
		for _, r := range d.Results {
			if r.Engine == kernel.Name {
				return r.Err
			}
		}
	}
	return nil
}
