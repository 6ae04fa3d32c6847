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

// TestHostsOfFaults: hosts that live on SIGSEGV, or die of it, while a program of ours faults at each malloc.
func TestHostsOfFaults(t *testing.T) {
	bpf := object(t, "badreads")
	for _, c := range []struct {
		name  string
		needs []string
		args  []string
		exit  int
	}{
		{"java", []string{"java"}, []string{"java", "-Xmx64m", "-XX:+UseSerialGC", host.Source(t, "../signals/testdata/Nulls.java")}, 0},
		{"wasm", []string{"node"}, []string{"node", host.Source(t, "../signals/testdata/bounds.js")}, 0},
		{"go", nil, []string{goHost(t)}, 0},
		{"go, dying", nil, []string{goHost(t), "die"}, 2},
		{"python", []string{"python3"}, []string{"python3", host.Source(t, "../signals/testdata/faults.py")}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			host.Require(t, c.needs...)
			tr := reading(bpf, "uprobe/libc:malloc", "guarded")
			rules := []host.Rule{host.Rewrite(`(?s)(goroutine \d+ |exit status).*`, "")}
			cmd := host.Cmd{Args: c.args, Dir: host.WorkDir(t), Rules: rules, Env: []string{"BPFTIME_LOG=info"}}
			plain, _ := host.Compare(t, cmd, tr)
			if plain.Exit != c.exit {
				t.Errorf("exit %d, want %d:\n%s%s", plain.Exit, c.exit, plain.Stdout, plain.Stderr)
			}
			if host.Baseline() {
				return
			}
			for _, line := range tr.Log(t) {
				if strings.Contains(line, "not guarded") {
					t.Error(line)
				}
			}
			for name, l := range tr.Links(t) {
				if l.Hits < 100 {
					t.Errorf("%s: %d hits", name, l.Hits)
				}
			}
		})
	}
}

// goHost builds testdata/nils.
func goHost(t *testing.T) string {
	t.Helper()
	out := filepath.Join(host.BinDir(t), "nils")
	cmd := exec.Command("go", "build", "-o", out, "./testdata/nils")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}
