package objects

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const stackProbes = `
objects:
- path: OBJ/stacks.bpf.o
  attach:
    on_witness: uprobe//proc/self/exe:witness
    after_witness: uretprobe//proc/self/exe:witness
    %s
`

// A stack as testdata/stacks.bpf.c makes a record of it.
type stack struct {
	kind  uint64
	id    int32
	bytes int32
	ips   []uint64
}

func stacksOf(t *testing.T, tr *host.Trace) (out []stack) {
	t.Helper()
	for _, b := range records(t, tr, "stacks.stacks") {
		s := stack{kind: number(b[:4]), id: int32(number(b[4:8])), bytes: int32(number(b[8:12]))}
		for i := range int(max(s.bytes, 0)) / 8 {
			s.ips = append(s.ips, number(b[16+8*i:][:8]))
		}
		out = append(out, s)
	}
	return out
}

// A said is a line of testdata/stacks.cpp: what it did, and the addresses that backtrace(3) found, those of the agent
// left out.
type said struct {
	what string
	ips  []uint64
}

func parseSaid(t *testing.T, out string) (all []said) {
	t.Helper()
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		s := said{what: words[0]}
		for _, w := range words[1:] {
			v, err := strconv.ParseUint(w, 0, 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			s.ips = append(s.ips, v)
		}
		all = append(all, s)
	}
	return all
}

// without leaves out frames of the agent, which backtrace(3) sees and a program does not: the lines say where it lies.
func without(ips []uint64, lo, hi uint64) []uint64 {
	return slices.DeleteFunc(slices.Clone(ips), func(ip uint64) bool { return lo <= ip && ip < hi })
}

// TestStacks: the stacks that programs see are those that the program itself sees by backtrace(3), at the entry of a
// function and when it returns, without the frames of ours that lie between a probed function and its caller.
func TestStacks(t *testing.T) {
	for name, c := range map[string]struct{ compiler, flags string }{
		"gcc O2":     {"g++", "-O2 -fomit-frame-pointer"},
		"clang O2":   {"clang++-19", "-O2 -fomit-frame-pointer"},
		"gcc O0":     {"g++", "-O0"},
		"gcc O3 cet": {"g++", "-O3 -fcf-protection -march=x86-64-v3"},
	} {
		for probes, with := range map[string]string{"alone": "", "guarded": "\nreads: guarded", "all": "nothing: 'uretprobe.multi//proc/self/exe:*'"} {
			t.Run(name+" "+probes, func(t *testing.T) { compareStacks(t, c.compiler, c.flags, with) })
		}
	}
}

func compareStacks(t *testing.T, compiler, flags, probes string) {
	exe := compiled(t, compiler, "stacks-"+compiler+strings.ReplaceAll(flags, " ", ""), "stacks.cpp", append(strings.Fields(flags), "-pthread", "-Wno-unused-result")...)
	v := anyVariant(t)
	tr := trace(t, v, fmt.Sprintf(stackProbes, probes))
	r := host.Run(t, host.Cmd{Args: []string{exe}, Dir: host.WorkDir(t), Env: []string{"SAY_AGENT=1"}}, tr)
	if r.Exit != 0 {
		t.Fatalf("exit %d, %q", r.Exit, r.Stderr)
	}
	lines := parseSaid(t, r.Stdout)
	agent, lines := lines[0].ips, lines[1:]
	if len(lines) != 16 {
		t.Fatalf("%d lines: %q", len(lines), r.Stdout)
	}
	entries, returns := 0, 0
	for _, s := range stacksOf(t, tr) {
		skip, at := 2, &entries // its own address, and its caller's, which stands elsewhere at the time of backtrace
		if s.kind == 2 {
			skip, at = 1, &returns
		}
		want := without(lines[*at].ips, agent[0], agent[1])
		if len(s.ips) < skip || !slices.Equal(s.ips[skip:], want[:min(len(want), 127-skip)]) {
			t.Errorf("%s, kind %d: %#x\nwant  %#x", lines[*at].what, s.kind, s.ips, want)
		}
		traced, err := opened(t, tr, "stacks.traces").Lookup([]byte{byte(s.id), byte(s.id >> 8), 0, 0})
		if s.id >= 0 && (err != nil || !equalStack(traced[0], s.ips)) || s.id < 0 && unix.Errno(-s.id) != unix.EEXIST {
			t.Errorf("%s: number %d: %v", lines[*at].what, s.id, err)
		}
		*at++
	}
	if tactics := tacticsOf(t, tr, "stacks.nothing"); strings.Contains(probes, "nothing") && !(strings.Contains(tactics, "return-a") && (strings.Contains(tactics, "return-d") || !strings.HasPrefix(flags, "-O2"))) {
		t.Errorf("tactics %s: not all kinds of our frames were on the stacks", tactics)
	}
	if entries != len(lines) || returns != len(lines) {
		t.Errorf("%d stacks at entries, %d at returns, want %d", entries, returns, len(lines))
	}
}

func tacticsOf(t *testing.T, tr *host.Trace, program string) (all string) {
	t.Helper()
	for _, l := range links(t, tr) {
		if l.Object == program {
			all += l.Tactic + " "
		}
	}
	return all
}

func equalStack(value []byte, ips []uint64) bool {
	for i := range 127 {
		want := uint64(0)
		if i < len(ips) {
			want = ips[i]
		}
		if number(value[8*i:][:8]) != want {
			return false
		}
	}
	return true
}

// TestStackErrors: errors are the kernel's, and there is no stack of the kernel's.
func TestStackErrors(t *testing.T) {
	exe := compiled(t, "g++", "stacks-errors", "stacks.cpp", "-O2", "-pthread")
	tr := trace(t, anyVariant(t), fmt.Sprintf(stackProbes, ""))
	if r := host.Run(t, host.Cmd{Args: []string{exe}, Dir: host.WorkDir(t)}, tr); r.Exit != 0 {
		t.Fatal(r.Exit)
	}
	vars := globals(t, tr, "stacks", "bss")
	for name, want := range map[string]int64{
		"kernel_id": -int64(unix.EFAULT), "kernel_stack": -int64(unix.EFAULT), "bad_flags": -int64(unix.EINVAL), "odd_size": -int64(unix.EINVAL),
		"far_id": -int64(unix.EFAULT), "skipped": 32, "first": 0, "again": 0, "other": -int64(unix.EEXIST), "reused": 0,
	} {
		if got := int64(vars[name]); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	tables, err := os.ReadDir(filepath.Join(tr.Path(), "unwind"))
	if err != nil || len(tables) < 4 {
		t.Errorf("%d unwind tables, %v", len(tables), err)
	}
}

// TestNoTables: where a program has no unwind data, its frame pointers are followed.
func TestNoTables(t *testing.T) {
	exe := native(t, "pointers", "pointers.c", "-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fno-optimize-sibling-calls")
	tr := trace(t, anyVariant(t), fmt.Sprintf(stackProbes, ""))
	r := host.Run(t, host.Cmd{Args: []string{exe}, Dir: host.WorkDir(t)}, tr)
	want := parseSaid(t, r.Stdout)
	for _, s := range stacksOf(t, tr) {
		skip := map[uint64]int{1: 2, 2: 1}[s.kind]
		if len(s.ips) < skip+len(want[0].ips) || !slices.Equal(s.ips[skip:][:len(want[0].ips)], want[0].ips) {
			t.Errorf("kind %d: %#x, want %#x", s.kind, s.ips, want[0].ips)
		}
	}
	if len(want) != 1 || len(want[0].ips) != 3 {
		t.Errorf("%q", r.Stdout)
	}
}
