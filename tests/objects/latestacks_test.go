package objects

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestLateStacks: stacks lead through libraries that were loaded later, unloaded, and loaded again elsewhere, and have no
// frame pointers; where each lay is in the session.
func TestLateStacks(t *testing.T) {
	exe := native(t, "latestacks", "latestacks.c", "-ldl", "-pthread")
	var libs []string
	for _, name := range []string{"liblate1.so", "liblate2.so"} {
		libs = append(libs, native(t, name, "latecaller.c", "-shared", "-fPIC", "-fomit-frame-pointer", "-fno-optimize-sibling-calls", "-Wl,-soname,"+name))
	}
	args := []string{exe, libs[0], libs[1], "-", "=", libs[1], "-", libs[0], "=", libs[1]}
	for name, more := range map[string]string{"stacks only": "", "probed too": "nothing: 'uretprobe/liblate2.so:middle'"} {
		t.Run(name, func(t *testing.T) {
			c := host.Cmd{Args: args, Dir: host.WorkDir(t), Env: []string{"SAY_AGENT=1"}}
			tr := lasting(t, c, trace(t, anyVariant(t), fmt.Sprintf(stackProbes, more)))
			r := host.Run(t, c, tr)
			lines := parseSaid(t, r.Stdout)
			if r.Exit != 0 || len(lines) != 5 {
				t.Fatalf("exit %d, %q, %q", r.Exit, r.Stdout, r.Stderr)
			}
			wantQuiet(t, tr)
			compareLate(t, tr, lines)
			for _, lib := range libs {
				if !slices.ContainsFunc(session.Modules(tr.Path()), func(m session.Module) bool { return strings.HasSuffix(m.Path, lib) }) {
					t.Errorf("where %s lay is not in the session", lib)
				}
			}
		})
	}
}

// compareLate: what programs saw is what the host's own backtrace said, but for frames of ours.
func compareLate(t *testing.T, tr *host.Trace, lines []said) {
	t.Helper()
	all := session.Modules(tr.Path())
	agent := all[slices.IndexFunc(all, func(m session.Module) bool { return strings.HasSuffix(m.Path, "libbpftime-agent.so") })]
	at := map[uint64]int{}
	for _, s := range stacksOf(t, tr) {
		want, skip := without(lines[at[s.kind]].ips, agent.Lo, agent.Hi), map[uint64]int{1: 2, 2: 1}[s.kind]
		at[s.kind]++
		if len(want) < 6 || len(s.ips) < skip || !slices.Equal(s.ips[skip:], want) {
			t.Errorf("kind %d: %#x\nwant  %#x", s.kind, s.ips, want)
		}
	}
	if at[1] != len(lines) || at[2] != len(lines) {
		t.Errorf("%v stacks, want %d of each kind", at, len(lines))
	}
}

// TestLateStacksMeanwhile: threads ask for stacks while libraries come and go.
func TestLateStacksMeanwhile(t *testing.T) {
	exe, lib := native(t, "latestacks", "latestacks.c", "-ldl", "-pthread"), native(t, "liblate3.so", "latecaller.c", "-shared", "-fPIC", "-fomit-frame-pointer")
	c := host.Cmd{Args: []string{exe, "churn", lib, "300"}, Dir: host.WorkDir(t)}
	tr := lasting(t, c, trace(t, anyVariant(t), fmt.Sprintf(stackProbes, "")))
	if plain, _ := host.Compare(t, c, tr); plain.Exit != 0 {
		t.Errorf("exit %d, %q", plain.Exit, plain.Stderr)
	}
	if n := globals(t, tr, "stacks", "bss")["calls"]; n < 600 {
		t.Errorf("%d stacks", n)
	}
}
