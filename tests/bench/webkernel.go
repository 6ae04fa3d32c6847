package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
)

// webTap has the kernel do at its own tracepoint what syscount does: count each call by its number, for each CPU.
// It is there while the server of its case has its turn, for it slows all others too.
type webTap struct {
	counts  *ebpf.Map
	running taps
}

const tapNumbers = 512

func newWebTap() (*webTap, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("kernel eBPF is not to be had here: %w", err)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: tapNumbers})
	return &webTap{counts: m}, err
}

func (t *webTap) start() (err error) {
	t.running, err = tapRaw("sys_enter", countByNumber(t.counts, tapNumbers))
	return err
}

func (t *webTap) stop() error {
	err := t.running.Close()
	t.running = nil
	return err
}

func (t *webTap) close() error { return errors.Join(t.stop(), t.counts.Close()) }

// countByNumber is a program at sys_enter, whose second argument is the number.
func countByNumber(m *ebpf.Map, numbers int32) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord),
		asm.JLT.Imm(asm.R2, numbers, "known"),
		asm.Mov.Imm(asm.R2, numbers-1),
		asm.StoreMem(asm.RFP, -4, asm.R2, asm.Word).WithSymbol("known"),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	}
}

func sum(m *ebpf.Map) (total uint64, err error) {
	var key uint32
	var values []uint64
	entries := m.Iterate()
	for entries.Next(&key, &values) {
		for _, v := range values {
			total += v
		}
	}
	return total, entries.Err()
}
