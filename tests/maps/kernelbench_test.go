package maps_test

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"

	"github.com/bpftime-go/bpftime/maps"
)

// A timed operation of the kernel's: calls of helpers with a key that counts to 1023.
// Prefixes of IPv4 are 10.x.y.0/24; a lookup asks for the address.
type timed struct {
	name    string
	helpers []asm.BuiltinFunc
	from    int32 // first key
}

var timedOps = []timed{
	{"empty", nil, 0}, {"lookup", []asm.BuiltinFunc{asm.FnMapLookupElem}, 0}, {"update", []asm.BuiltinFunc{asm.FnMapUpdateElem}, 0},
	{"insert_delete", []asm.BuiltinFunc{asm.FnMapUpdateElem, asm.FnMapDeleteElem}, 1024},
}

func (o timed) program(m, counter *ebpf.Map, trie bool) asm.Instructions {
	in := asm.Instructions{
		asm.LoadMapValue(asm.R6, counter.FD(), 0), asm.LoadMem(asm.R7, asm.R6, 0, asm.DWord), asm.Add.Imm(asm.R7, 1), asm.StoreMem(asm.R6, 0, asm.R7, asm.DWord),
		asm.And.Imm(asm.R7, 1023), asm.Add.Imm(asm.R7, o.from),
	}
	if trie {
		length := int32(24)
		if o.name == "lookup" {
			length = 32
		}
		in = append(in, asm.LSh.Imm(asm.R7, 8), asm.Or.Imm(asm.R7, 10<<24), asm.HostTo(asm.BE, asm.R7, asm.Word), asm.LSh.Imm(asm.R7, 32), asm.Or.Imm(asm.R7, length))
	}
	in = append(in, asm.StoreMem(asm.RFP, -8, asm.R7, asm.DWord), asm.StoreMem(asm.RFP, -16, asm.R7, asm.DWord))
	for _, f := range o.helpers {
		in = append(in, asm.LoadMapPtr(asm.R1, m.FD()), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -8),
			asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -16), asm.Mov.Imm(asm.R4, 0), f.Call())
	}
	return append(in, asm.Mov.Imm(asm.R0, 0), asm.Return())
}

// BenchmarkKernelMaps prints what the kernel's maps cost its programs, for the rows of
// BenchmarkMaps: whole runs, less those of the empty program. Run both at once.
func BenchmarkKernelMaps(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("only root may ask the kernel")
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		b.Log(err)
	}
	counter, err := makeKernelMap(maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		b.Skipf("this kernel makes no map for us: %v", err)
	}
	defer counter.Close()
	for _, typ := range []maps.Type{maps.Hash, maps.PercpuHash, maps.LRUHash, maps.LRUPercpuHash, maps.LPMTrie} {
		spec := maps.Spec{Type: typ, KeySize: 8, ValueSize: 8, MaxEntries: 4096}
		if typ == maps.LPMTrie {
			spec.Flags = maps.NoPrealloc
		}
		benchKernel(b, spec, counter)
	}
}

func benchKernel(b *testing.B, spec maps.Spec, counter *ebpf.Map) {
	m, err := makeKernelMap(spec)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	const repeat = 1 << 17
	var empty float64
	run := func(o timed) float64 {
		prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, Instructions: o.program(m, counter, spec.Type == maps.LPMTrie), License: "GPL"})
		if err != nil {
			b.Fatal(err)
		}
		defer prog.Close()
		least := 0.0
		for range 7 {
			_, d, err := prog.Benchmark(make([]byte, 14), repeat, nil)
			if err != nil {
				b.Fatal(err)
			}
			if ns := float64(d.Nanoseconds()); least == 0 || ns < least {
				least = ns
			}
		}
		return least
	}
	run(timedOps[2]) // puts the keys there
	if key := make([]byte, 8); spec.Type == maps.LPMTrie {
		for length := uint32(8); length <= 16; length += 8 {
			binary.LittleEndian.PutUint32(key, length)
			key[4] = 10
			if err := m.Put(key, key); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, o := range timedOps {
		ns := run(o)
		if o.helpers == nil {
			empty = ns
			continue
		}
		b.Run(spec.Type.String()+"_"+o.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ns-empty, "ns-min")
		})
	}
}
