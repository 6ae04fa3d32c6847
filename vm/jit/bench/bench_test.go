package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm/internal/conformance"
	"github.com/bpftime-go/bpftime/vm/jit"
)

var (
	rounds   = flag.Int("rounds", 300, "batches of each variant")
	jsonFile = flag.String("json", "", "write the figures to this file")
)

// row is what the harness measured of a program; times in ns per run.
type row struct {
	Name         string  `json:"name"`
	Native       float64 `json:"native_ns"`
	NativeMedian float64 `json:"native_median_ns"`
	JIT          float64 `json:"jit_ns"`
	JITMedian    float64 `json:"jit_median_ns"`
	Ratio        float64 `json:"ratio"` // of the least times
	Insns        int     `json:"bpf_insns"`
	Bytes        int     `json:"code_bytes"`
}

type report struct {
	GeometricMean float64 `json:"geometric_mean"`
	Rows          []row   `json:"programs"`
}

// BenchmarkRun prints the table of all programs. It measures once, however
// often it is told to: the harness repeats.
func BenchmarkRun(b *testing.B) {
	dir := b.TempDir()
	progs := build(b, conformance.Shared(b, "vmbench"), dir)
	spec := filepath.Join(dir, "spec")
	rows := writeSpec(b, progs, dir, spec)
	harness := filepath.Join(dir, "harness")
	source, err := filepath.Abs(filepath.Join("testdata", "harness.c"))
	if err != nil {
		b.Fatal(err)
	}
	command(b, dir, "clang", "-O2", "-rdynamic", "-o", harness, source)
	out, err := exec.Command(harness, spec, fmt.Sprint(*rounds)).CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	r := read(b, out, rows)
	r.print()
	b.ReportMetric(r.GeometricMean, "ratio")
	b.ReportMetric(0, "ns/op")
	if *jsonFile != "" {
		text, _ := json.MarshalIndent(r, "", "\t")
		if err := os.WriteFile(*jsonFile, append(text, '\n'), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// writeSpec translates the programs and tells the harness where everything is.
func writeSpec(b *testing.B, progs []program, dir, spec string) map[string]row {
	var lines strings.Builder
	rows := map[string]row{}
	for _, p := range progs {
		code, err := jit.Compile(p.v, jit.Options{Features: jit.HostFeatures()})
		if err != nil {
			b.Fatalf("%s: %v", p.name, err)
		}
		file := filepath.Join(dir, p.name+".code")
		if err := os.WriteFile(file, code.Text, 0o644); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s %s %s %s %d", p.name, p.memory, p.native, file, code.Entry)
		for _, r := range code.Relocs {
			fmt.Fprintf(&lines, " %d", r.Offset)
		}
		lines.WriteByte('\n')
		rows[p.name] = row{Name: p.name, Insns: p.v.Program().Len(), Bytes: len(code.Text)}
	}
	if err := os.WriteFile(spec, []byte(lines.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	return rows
}

func read(b *testing.B, out []byte, rows map[string]row) report {
	var r report
	logs := 0.0
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var name string
		var t [4]float64
		if _, err := fmt.Sscan(s.Text(), &name, &t[0], &t[1], &t[2], &t[3]); err != nil {
			b.Fatalf("harness printed %q: %v", s.Text(), err)
		}
		x := rows[name]
		x.Native, x.NativeMedian, x.JIT, x.JITMedian = t[0], t[1], t[2], t[3]
		x.Ratio = x.JIT / x.Native
		logs += math.Log(x.Ratio)
		r.Rows = append(r.Rows, x)
	}
	r.GeometricMean = math.Exp(logs / float64(len(r.Rows)))
	return r
}

func (r report) print() {
	fmt.Printf("\n%-12s %10s %10s %7s %8s %8s %6s %6s\n", "program", "native ns", "jit ns", "ratio", "(median)", "(jit)", "insns", "bytes")
	for _, x := range r.Rows {
		fmt.Printf("%-12s %10.1f %10.1f %7.2f %8.1f %8.1f %6d %6d\n",
			x.Name, x.Native, x.JIT, x.Ratio, x.NativeMedian, x.JITMedian, x.Insns, x.Bytes)
	}
	fmt.Printf("%-12s %10s %10s %7.2f\n\n", "geomean", "", "", r.GeometricMean)
}

// BenchmarkCompile is the time from a validated program to code.
func BenchmarkCompile(b *testing.B) {
	for _, p := range build(b, conformance.Shared(b, "vmbench"), b.TempDir()) {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jit.Compile(p.v, jit.Options{Features: jit.HostFeatures()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
