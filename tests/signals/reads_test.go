package signals

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// object compiles testdata/NAME.bpf.c.
func object(t *testing.T, name string) string {
	t.Helper()
	host.Require(t, "clang")
	out := filepath.Join(t.TempDir(), name+".bpf.o")
	args := []string{"-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-D__TARGET_ARCH_x86", "-I/usr/include/x86_64-linux-gnu", "-c", "testdata/" + name + ".bpf.c", "-o", out}
	if b, err := exec.Command("clang", args...).CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, b)
	}
	return out
}

// reading traces a function with the program of reads.bpf.c.
func reading(object, spec, reads string) *host.Trace {
	return &host.Trace{Text: fmt.Sprintf("objects:\n  - path: %s\n    attach: {on_touch: %q}\nreads: %s\n", object, spec, reads)}
}

// TestReads: a program reads what is not there at every turn of a host that does what it likes to SIGSEGV and SIGBUS.
func TestReads(t *testing.T) {
	program, bpf := host.Native(t, "../signals/testdata/views.c"), object(t, "reads")
	for _, reads := range []string{"guarded", "kernel"} {
		for _, signal := range []string{"segv", "bus"} {
			for scenario := range scenarios {
				t.Run(reads+" "+signal+" "+scenario, func(t *testing.T) {
					tr := reading(bpf, "uprobe/"+program+":touch", reads)
					_, out := host.Compare(t, host.Cmd{Args: []string{program, scenario, "plain", signal}, Dir: host.WorkDir(t)}, tr)
					if host.Baseline() {
						return
					}
					turns, links := lastNumber(t, out.Stdout), tr.Links(t)
					for _, l := range links {
						if hits := int(l.Hits); len(links) != 1 || hits < turns || hits > turns && !children[scenario] {
							t.Errorf("%d hits in %d turns", hits, turns)
						}
					}
				})
			}
		}
	}
}

// TestWhoseHandlers: the signals are ours where the manifest says so and a program reads, only then.
func TestWhoseHandlers(t *testing.T) {
	if host.Baseline() {
		t.Skip("no agent")
	}
	program, bpf := host.Native(t, "../signals/testdata/views.c"), object(t, "reads")
	const trap, bus, segv = 1 << 4, 1 << 6, 1 << 10
	for _, c := range []struct {
		name string
		tr   *host.Trace
		want int
	}{
		{"guarded", reading(bpf, "uprobe/"+program+":touch", "guarded"), bus | segv},
		{"kernel", reading(bpf, "uprobe/"+program+":touch", "kernel"), 0},
		{"no program reads", &host.Trace{Specs: []string{"uprobe/" + program + ":touch"}, Reads: true}, 0},
		{"traps", &host.Trace{Specs: []string{"uprobe/" + program + ":tiny"}, Reads: true, Traps: true}, trap},
	} {
		r := host.Run(t, host.Cmd{Args: []string{program, "caught", "plain", "segv"}, Dir: host.WorkDir(t)}, c.tr)
		if first, _, _ := strings.Cut(r.Stdout, "\n"); first != fmt.Sprintf("%x", c.want) {
			t.Errorf("%s: caught %s, want %x", c.name, first, c.want)
		}
	}
}
