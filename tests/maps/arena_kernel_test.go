package maps_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// arenaProgram calls a function of the kernel with an arena and what its context says, {address, pages, result}.
func arenaProgram(t *testing.T, kernel *btf.Spec, name string, m *ebpf.Map) *ebpf.Program {
	t.Helper()
	var f *btf.Func
	if err := kernel.TypeByName(name, &f); err != nil {
		t.Skipf("this kernel has no %s: %v", name, err)
	}
	id, err := kernel.TypeID(f)
	if err != nil {
		t.Fatal(err)
	}
	call := asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(id)}
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1), asm.LoadMapPtr(asm.R1, m.FD()),
		asm.LoadMem(asm.R2, asm.R6, 0, asm.DWord), asm.LoadMem(asm.R3, asm.R6, 8, asm.Word),
		asm.Mov.Imm(asm.R4, -1), asm.Mov.Imm(asm.R5, 0), call,
	}
	if name == "bpf_arena_free_pages" {
		insns = append(insns, asm.Mov.Imm(asm.R0, 0))
	}
	insns = append(insns, asm.StoreMem(asm.R6, 16, asm.R0, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return())
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.Syscall, Flags: unix.BPF_F_SLEEPABLE, Instructions: insns, License: "GPL"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestArenaPagesAsInKernel: pages at given addresses are had, refused, given back and reserved as in the kernel. Which
// pages come where no address is given is not the same.
func TestArenaPagesAsInKernel(t *testing.T) {
	needsKernel(t)
	const pages, calls = 150, 3000
	spec := maps.Spec{Type: maps.Arena, MaxEntries: pages, Flags: maps.Mmapable, Start: 1 << 44}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Arena, MaxEntries: pages, Flags: unix.BPF_F_MMAPABLE, MapExtra: spec.Start})
	if err != nil {
		t.Skipf("this kernel makes no arena for us: %v", err)
	}
	defer m.Close()
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("this kernel does not tell its types: %v", err)
	}
	theirs := map[int]*ebpf.Program{}
	for op, name := range map[int]string{opAlloc: "bpf_arena_alloc_pages", opFree: "bpf_arena_free_pages", opReserve: "bpf_arena_reserve_pages"} {
		theirs[op] = arenaProgram(t, kernel, name, m)
	}
	ours := serve(t, makeSession(t), makeMap(t, spec), spec)
	r := rand.New(rand.NewPCG(1, 2))
	had := 0
	for n := range calls {
		op, page, count := opAlloc+r.IntN(3), r.IntN(pages+3), 1+r.IntN(4)
		if r.IntN(10) == 0 {
			count = r.IntN(pages + 2)
		}
		if op == opReserve && r.IntN(3) != 0 {
			op = opFree
		}
		addr := spec.Start + uint64(page)*abi.MAP_PAGE
		if r.IntN(20) == 0 {
			addr += 8
		}
		ctx := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, addr), uint64(count))
		out := make([]byte, 24)
		if _, err := theirs[op].Run(&ebpf.RunOptions{Context: append(bytes.Clone(ctx), make([]byte, 8)...), ContextOut: out}); err != nil {
			t.Fatal(err)
		}
		got, _, err := ours.ask(op, n%9, nil, nil, uint64(count)<<48|addr)
		if err != nil {
			t.Fatal(err)
		}
		want := int64(binary.LittleEndian.Uint64(out[16:]))
		if op == opReserve {
			want = int64(int32(want))
		}
		if got != want {
			t.Fatalf("call %d: operation %d, %d pages at %#x: %#x, the kernel's answer is %#x", n, op, count, addr, got, want)
		}
		if op == opAlloc && got != 0 {
			had++
		}
	}
	t.Logf("pages were had %d times", had)
	if had < calls/20 {
		t.Errorf("pages were had %d times only", had)
	}
}
