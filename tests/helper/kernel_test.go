package helper

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const kernelRoom = 512

// kernelPrint has the kernel's bpf_snprintf print a format. The verifier refuses one that is none.
func kernelPrint(t *testing.T, f format) (text string, ret int64, err error) {
	t.Helper()
	format := kernelMap(t, append([]byte(f.text), 0), true)
	var memory []byte
	for _, a := range f.args {
		memory = append(memory, a.memory...)
	}
	strings := kernelMap(t, append(memory, 0), false)
	out := kernelMap(t, make([]byte, kernelRoom+8+12*8), false)
	insns := asm.Instructions{}
	at := uint32(0)
	for i, a := range f.args {
		if a.memory != nil {
			insns = append(insns, asm.LoadMapValue(asm.R1, strings.FD(), at))
			at += uint32(len(a.memory))
		} else {
			insns = append(insns, asm.LoadImm(asm.R1, int64(a.number), asm.DWord))
		}
		insns = append(insns, asm.LoadMapValue(asm.R2, out.FD(), 0), asm.StoreMem(asm.R2, int16(kernelRoom+8+8*i), asm.R1, asm.DWord))
	}
	insns = append(insns,
		asm.LoadMapValue(asm.R1, out.FD(), 0), asm.Mov.Imm(asm.R2, kernelRoom), asm.LoadMapValue(asm.R3, format.FD(), 0),
		asm.LoadMapValue(asm.R4, out.FD(), kernelRoom+8), asm.Mov.Imm(asm.R5, int32(8*len(f.args))), asm.FnSnprintf.Call(),
		asm.LoadMapValue(asm.R1, out.FD(), 0), asm.StoreMem(asm.R1, kernelRoom, asm.R0, asm.DWord),
		asm.Mov.Imm(asm.R0, 0), asm.Return())
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, Instructions: insns, License: "GPL"})
	if err != nil {
		return "", 0, err
	}
	defer prog.Close()
	if _, _, err := prog.Test(make([]byte, 14)); err != nil {
		t.Fatal(err)
	}
	return kernelResult(t, out)
}

func kernelMap(t *testing.T, contents []byte, readOnly bool) *ebpf.Map {
	t.Helper()
	spec := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(contents)), MaxEntries: 1}
	if readOnly {
		spec.Flags = 1 << 7 // BPF_F_RDONLY_PROG
	}
	m, err := ebpf.NewMap(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := m.Put(uint32(0), contents); err != nil {
		t.Fatal(err)
	}
	if readOnly {
		if err := m.Freeze(); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func kernelResult(t *testing.T, out *ebpf.Map) (string, int64, error) {
	t.Helper()
	var value []byte
	if err := out.Lookup(uint32(0), &value); err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(value[:kernelRoom]), "\x00")
	var ret int64
	for i := range 8 {
		ret |= int64(value[kernelRoom+i]) << (8 * i)
	}
	return text, ret, nil
}

// needsKernel ends the test where the kernel runs no program for us.
func needsKernel(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may ask the kernel")
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Log(err)
	}
	if _, _, err := kernelPrint(t, format{text: "x"}); errors.Is(err, os.ErrPermission) || errors.Is(err, ebpf.ErrNotSupported) {
		t.Skipf("this kernel runs no program for us: %v", err)
	}
}

// agree holds what we make of a format to what the kernel does.
func agree(t *testing.T, f format) {
	t.Helper()
	text, ret, err := kernelPrint(t, f)
	switch {
	case f.einval && err == nil:
		t.Errorf("%v: the kernel prints %q", f, text)
	case !f.einval && err != nil:
		t.Errorf("%v: the kernel: %s", f, firstLine(err))
	case !f.einval && (text != f.want || ret != int64(len(f.want)+1)):
		t.Errorf("%v: the kernel prints %q and returns %d, want %q", f, text, ret, f.want)
	}
}

// TestKernelAgrees: the golden file is what the kernel of this machine prints, and refuses.
func TestKernelAgrees(t *testing.T) {
	needsKernel(t)
	compared := 0
	for _, f := range formats(t) {
		if !f.ours && f.text != "" {
			agree(t, f)
			compared++
		}
	}
	t.Logf("%d formats", compared)
}

// hidden matches what the kernel prints as numbers of its own.
var hidden = regexp.MustCompile(`%[-+ 0]*[0-9]*p($|[^A-Za-z0-9]|K)`)

// TestKernelAgreesAtRandom: formats put together from their parts, good and bad ones. Addresses are bad.
func TestKernelAgreesAtRandom(t *testing.T) {
	needsKernel(t)
	parts := strings.Split("%|%|%|%|-|+|0| |1|5|9|12|d|i|u|x|X|ld|lu|lx|lld|llX|c|s|ps|px|pS|pB|pks|pus|pI4|pi6|p|l|o|.|#|z| |,|a|\t|%%", "|")
	rnd := rand.New(rand.NewPCG(4, 3))
	p, good := startPrinter(t, t.TempDir()), 0
	for n := range host.Scale(120, 4000) {
		f := format{line: n}
		for range 1 + rnd.IntN(9) {
			f.text += parts[rnd.IntN(len(parts))]
		}
		if hidden.MatchString(f.text) {
			continue
		}
		for range 3 {
			f.args = append(f.args, argument{number: rnd.Uint64N(4096) - rnd.Uint64N(2)*8192})
		}
		r := p.print(f, kernelRoom)
		f.einval = r.snprintf < 0
		f.want, _, _ = strings.Cut(string(r.text), "\x00")
		if !f.einval && int64(len(f.want)+1) != r.snprintf {
			continue // it has a NUL
		}
		if agree(t, f); !f.einval {
			good++
		}
	}
	t.Logf("%d formats were good", good)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(fmt.Sprintf("%+v", err), "\n")
	return line
}
