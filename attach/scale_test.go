package attach_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/attach"
	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/elfsym"
)

// libraries are big, and installed nearly everywhere.
var libraries = []string{
	"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	"/usr/bin/python3",
}

// everything is a request for a probe at the entry and the return of every function of the files that are installed.
func everything(tb testing.TB) attach.Request {
	tb.Helper()
	r := attach.Request{Dir: filepath.Join(tb.TempDir(), "session"), Log: func(uint32, string) {}}
	text := "objects:\n- gadget: funccount\n  args:\n"
	lo := uint64(bias)
	for _, path := range libraries {
		path, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		f, err := elfsym.Open(path)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { f.Close() })
		r.Modules = append(r.Modules, &elfsym.Module{Path: path, File: f, Bias: lo, Lo: lo + f.LoadBase(), Hi: lo + f.LoadEnd()})
		lo += 1 << 28
		text += fmt.Sprintf("  - \"uprobe.multi/%s:*\"\n  - \"uretprobe.multi/%s:*\"\n", path, path)
	}
	if err := os.MkdirAll(filepath.Join(r.Dir, "maps"), 0o700); err != nil {
		tb.Fatal(err)
	}
	m, err := config.Parse("m.yaml", "/", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	r.Manifest = m
	return r
}

// BenchmarkEverything compiles what the compiler has five seconds for.
func BenchmarkEverything(b *testing.B) {
	for b.Loop() {
		p, err := attach.Compile(everything(b))
		if err != nil {
			b.Fatal(err)
		}
		text, err := p.Encode()
		if err != nil {
			b.Fatal(err)
		}
		sites := 0
		for _, u := range p.Units {
			sites += len(u.Patches)
		}
		b.ReportMetric(float64(sites), "patches")
		b.ReportMetric(float64(len(text))/float64(sites), "bytes/patch")
	}
}
