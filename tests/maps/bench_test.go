package maps_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
)

type figure struct {
	name        string
	min, median float64 // ns of one operation
}

// measure runs bench/bench.c, which times all operations interleaved.
func measure(t testing.TB, rounds int) (list []figure) {
	t.Helper()
	dir := shared(t)
	args := []string{}
	for i, spec := range []maps.Spec{
		{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 2048},
		{Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1024},
		{Type: maps.PercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 2048},
		{Type: maps.PercpuArray, KeySize: 4, ValueSize: 8, MaxEntries: 1024},
		ringOf(1 << 22),
		{Type: maps.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 2048},
		{Type: maps.LRUPercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 2048},
		{Type: maps.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 2048, Flags: maps.NoPrealloc},
	} {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := maps.Make(path, spec); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command(build(t, "bench/bench.c", "-fPIC", "-fno-stack-protector"), append(args, fmt.Sprint(rounds))...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range bytes.Lines(out) {
		var f figure
		if _, err := fmt.Sscan(string(line), &f.name, &f.min, &f.median); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, f)
	}
	return list
}

// TestBench: the benchmark runs, and every operation of it did what it was to do.
func TestBench(t *testing.T) {
	if n := len(measure(t, 1)); n != 27 {
		t.Errorf("%d figures", n)
	}
}

// BenchmarkMaps prints what operations cost in C, as programs call them. Rows named
// least are the best that a table without sharing could do, in the same run.
func BenchmarkMaps(b *testing.B) {
	for _, f := range measure(b, 100) {
		b.Run(f.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(f.min, "ns-min")
			b.ReportMetric(f.median, "ns-median")
		})
	}
}
