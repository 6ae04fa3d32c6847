package conformance

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
	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm"
)

// The cases of vm/testdata/isa say what the kernel does: where root and eBPF are
// there, it is asked. What its verifier does not take (callx, helpers of ours, a
// map 0, shifts that it wants in range) is left out, and so are loops over what is
// in the memory, on which it works for seconds; what it runs has to agree.

func needKernel(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("asking the kernel needs root")
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Skipf("asking the kernel needs eBPF: %v", err)
	}
	m.Close()
}

func TestKernelAgreesWithCases(t *testing.T) {
	needKernel(t)
	agreed := 0
	for _, c := range Cases(t) {
		if c.Refused != "" || c.Fails || len(c.Progs) != 1 || loops(t, c.Progs[0]) {
			continue
		}
		r0, mem, err := runInKernel(t, c)
		var rejected *ebpf.VerifierError
		switch {
		case errors.As(err, &rejected):
			t.Logf("%s: rejected: %v", c.Name, err)
		case err != nil:
			t.Errorf("%s: %v", c.Name, err)
		case r0 != c.Want && c.KernelErrs != "":
			t.Logf("%s: the kernel %s: r0 = %#x, not %#x", c.Name, c.KernelErrs, r0, c.Want)
		case r0 != c.Want:
			t.Errorf("%s: the kernel's r0 = %#x, ours %#x\n%s", c.Name, r0, c.Want, c.disassemble())
		case c.After != nil && !bytes.Equal(mem, c.After):
			t.Errorf("%s: the kernel's memory %x, ours %x\n%s", c.Name, mem, c.After, c.disassemble())
		default:
			agreed++
		}
	}
	t.Logf("%d cases agree", agreed)
	if agreed < 150 {
		t.Errorf("only %d cases could be compared", agreed)
	}
}

func loops(t *testing.T, code []byte) bool {
	p, err := vm.Load(code, vm.Options{Maps: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, in := range p.Instructions() {
		if in.IsBranch() && p.Target(i) <= i {
			return true
		}
	}
	return false
}

// caller calls the program that follows it with r1 and r2 set, and keeps all 64
// bits of r0 in the last word of the memory.
const caller = `
	r2 = 0            // the length, filled in
	call pc+5
	r1 = map[0][0]+0  // the result's place, filled in
	*(u64 *)(r1 + 0) = r0
	r0 = 0
	exit`

func runInKernel(t *testing.T, c Case) (r0 uint64, mem []byte, err error) {
	m := array(t, append(slices.Clone(c.Mem), make([]byte, 8)...))
	defer m.Close()
	start := asm.LoadMapValue(asm.R1, m.FD(), 0)
	if len(c.Mem) == 0 {
		start = asm.LoadImm(asm.R1, 0, asm.DWord)
	}
	head := vm.MustAssemble(caller)
	head[0].Imm = int64(len(c.Mem))
	head[2].Imm = int64(len(c.Mem))<<32 | int64(m.FD())
	insns := append(asm.Instructions{start}, raw(t, append(encode(t, head), c.Progs[0]...))...)
	if err := runXDP(insns); err != nil {
		return 0, nil, err
	}
	value, err := m.LookupBytes(uint32(0))
	if err != nil {
		return 0, nil, err
	}
	return binary.LittleEndian.Uint64(value[len(c.Mem):]), value[:len(c.Mem)], nil
}

// array makes a map with one element.
func array(t *testing.T, value []byte) *ebpf.Map {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(value)), MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Put(uint32(0), value); err != nil {
		t.Fatal(err)
	}
	return m
}

func encode(t *testing.T, insns []vm.Instruction) []byte {
	code, err := vm.Encode(insns)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func raw(t *testing.T, code []byte) asm.Instructions {
	insns, err := asm.AppendInstructions(nil, bytes.NewReader(code), binary.LittleEndian, "linux")
	if err != nil {
		t.Fatal(err)
	}
	return insns
}

func runXDP(insns asm.Instructions) error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: insns, License: "GPL"})
	if err != nil {
		return err
	}
	defer p.Close()
	_, err = p.Run(&ebpf.RunOptions{Data: make([]byte, 64)})
	return err
}

// The kernel counts tail calls as 12_tail_calls.txt says. Its programs want the
// context in r1, so these are the same ones with their counter in a map.
func TestKernelTailCalls(t *testing.T) {
	needKernel(t)
	const count = "r3 = map[0][0]+0; r2 = *(u64 *)(r3 + 0); r2 += 1; *(u64 *)(r3 + 0) = r2\n"
	for _, c := range []struct {
		name  string
		progs []string
		want  uint64 // count
	}{
		{"limit", []string{count + "r2 = map[1]; r3 = 0; call 12; r0 = 0; exit"}, 34},
		{"limit_survives_calls", []string{
			"call f\n" + count + "r0 = 0; exit\n" +
				"f: r2 = map[1]; r3 = 1; call 12; r0 = 0; exit",
			"r6 = r1\n" + count + "r1 = r6; call g; r0 = 0; exit\n" +
				"g: r3 = 1; r2 = map[1]; call 12\n" + count + "r0 = 0; exit",
		}, 35},
		{"index_of_32_bits", []string{
			"r3 = 0x7700000001 ll; r2 = map[1]; call 12; r0 = 0; exit",
			count + "r0 = 0; exit",
		}, 1},
		{"failed_calls_do_not_count", []string{
			"r6 = r1; r7 = 0\nagain: r1 = r6; r2 = map[1]; r3 = 7; call 12; r7 += 1; if r7 != 40 goto again\n" +
				"r1 = r6; r2 = map[1]; r3 = 1; call 12; r0 = 0; exit",
			count + "r0 = 0; exit",
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := runTailCalls(t, c.progs); got != c.want {
				t.Errorf("the kernel counts %d, want %d", got, c.want)
			}
		})
	}
}

// runTailCalls runs the first program, with all of them in a program array, map
// 1, and returns the counter, map 0.
func runTailCalls(t *testing.T, texts []string) uint64 {
	counter := array(t, make([]byte, 8))
	defer counter.Close()
	progs, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer progs.Close()
	var first *ebpf.Program
	for i, text := range texts {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: withMaps(t, text, counter, progs)})
		if err != nil {
			t.Fatalf("%+v", err)
		}
		defer p.Close()
		if err := progs.Put(uint32(i), p); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = p
		}
	}
	if _, err := first.Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil {
		t.Fatal(err)
	}
	value, err := counter.LookupBytes(uint32(0))
	if err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(value)
}

// withMaps puts descriptors in the place of map numbers, and describes every
// function in BTF, as the kernel wants it where functions make tail calls.
func withMaps(t *testing.T, text string, maps ...*ebpf.Map) asm.Instructions {
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: len(maps)})
	if err != nil {
		t.Fatal(err)
	}
	insns := slices.Clone(p.Instructions())
	for i, in := range insns {
		if in.IsMapRef() {
			insns[i].Imm = int64(maps[in.Imm].FD())
		}
	}
	out := raw(t, encode(t, insns))
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	for i, f := range p.Functions() {
		fn := &btf.Func{Name: fmt.Sprintf("f%d", i), Linkage: btf.StaticFunc, Type: &btf.FuncProto{
			Return: number, Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Struct{Name: "xdp_md"}}}},
		}}
		out[f.Start] = btf.WithFuncMetadata(out[f.Start].WithSymbol(fn.Name), fn)
	}
	return out
}
