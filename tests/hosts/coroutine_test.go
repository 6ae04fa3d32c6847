package hosts

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestCoroutines: C++20's, with every function of the program probed at entry and return.
func TestCoroutines(t *testing.T) {
	for _, optimise := range []string{"-O0", "-O2"} {
		t.Run(optimise, func(t *testing.T) {
			program := host.Build(t, "g++", "coroutine"+optimise, "coroutine.cpp", "-std=c++20", optimise)
			tr := host.Of("uprobe.multi/"+program+":*", "uretprobe.multi/"+program+":*")
			plain, _ := host.Compare(t, host.Cmd{Args: []string{program}, Dir: host.WorkDir(t)}, tr)
			if want := "499500 332833500\n285\n328350\n328355 enough\n"; plain.Stdout != want {
				t.Fatalf("it prints %q, want %q", plain.Stdout, want)
			}
			for _, spec := range tr.Specs {
				if l := tr.Links(t)[spec]; !host.Baseline() && (l.Hits < 3000 || l.Misses != 0) {
					t.Errorf("%s: %d hits, %d misses", spec, l.Hits, l.Misses)
				}
			}
		})
	}
}
