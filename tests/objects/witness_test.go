package objects

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/gadgets"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestKernelAgrees: an object does in a process what it does in the kernel.
func TestKernelAgrees(t *testing.T) {
	v := anyVariant(t)
	c := host.Cmd{Args: []string{target(t), "add", "300"}, Dir: host.WorkDir(t)}
	kernel := inKernel(t, v.image(t, "kinds"), target(t), c, places{program: "on_add", functions: []string{"add"}})
	tr := onTarget(t, v, "objects: [{path: OBJ/kinds.bpf.o}]", "add", "300")
	for _, name := range []string{"in_array", "in_hash", "in_percpu_array", "in_percpu_hash"} {
		kernel.agrees(tr, "kinds", name)
	}
}

// TestKernelWasFirst: a function that the kernel has patched already is left to it, and others are patched.
func TestKernelWasFirst(t *testing.T) {
	v := anyVariant(t)
	kernel, links := probe(t, v.image(t, "kinds"), target(t), places{program: "on_add", functions: []string{"add"}})
	if kernel == nil {
		return
	}
	defer links[0].Close()
	c := host.Cmd{Args: []string{target(t), "add", "7"}, Dir: host.WorkDir(t)}
	tr := trace(t, v, "objects:\n  - path: OBJ/tally.bpf.o\n    attach: {tally: [\"uprobe//proc/self/exe:greet\", \"uprobe//proc/self/exe:add\"]}\n")
	host.Compare(t, c, tr)
	const want = `tally uprobe//proc/self/exe:add: TARGET\+0x[0-9a-f]+: other bytes than in the file \(cc.*: somebody else has patched here`
	wantSaid(t, tr, want)
	if l := tr.Links(t)["uprobe//proc/self/exe:greet"]; l.Sites != 1 {
		t.Errorf("greet has %d sites: %s", l.Sites, l.Error)
	}
	wantAbort(t, c, tr, want)
	sums := uint64(0)
	for _, words := range kernel.wide("in_array") {
		sums += words[0]
	}
	if want := uint64(2 * 2 * 28); sums != want { // two runs
		t.Errorf("the kernel counted %d, want %d", sums, want)
	}
}

// A script is a program and what is known of its calls of the C library, and of its own functions.
type script struct {
	name  string
	args  []string
	known map[string]uint64
	own   map[string]uint64 // by specification
}

var scripts = []script{
	{"sort", []string{"sort", "-n", "numbers"}, map[string]uint64{"fwrite_unlocked": 5000}, nil}, // one for a line
	{"bash", []string{"bash", "-c", "for ((i = 0; i < 50; i++)); do echo $i; done; (exit 3); echo $?; printf -v x %d 5"},
		map[string]uint64{"write": 51, "fork": 1, "waitpid": 2},
		map[string]uint64{"uprobe//bin/bash:echo_builtin": 51, "uretprobe/bash:printf_builtin": 1}},
	{"python3", []string{"python3", "-c", "import os\nfor i in range(100): os.getppid()"}, map[string]uint64{"getppid": 100}, nil},
}

// libcCalls are counted in all scripts.
var libcCalls = strings.Fields("malloc free calloc realloc getenv fwrite_unlocked fread_unlocked getppid read write sigaction " +
	"fork waitpid setlocale qsort fclose open stat sigprocmask mmap")

// TestScripts: of everyday programs it is known how often they call some functions of the C library, and the kernel knows
// the rest.
func TestScripts(t *testing.T) {
	forEnds(t, func(t *testing.T, v variant) {
		for _, s := range scripts {
			t.Run(s.name, func(t *testing.T) { s.test(t, v) })
		}
	})
}

func (s script) test(t *testing.T, v variant) {
	host.Require(t, s.name)
	libc, where := ownLibc(t), places{program: "tally", functions: libcCalls}
	c := host.Cmd{Args: s.args, Dir: host.WorkDir(t), Setup: numbers, Env: []string{"LD_LIBRARY_PATH=" + filepath.Dir(libc)}}
	own := append(slices.Collect(maps.Keys(s.own)), "uprobe/libc:exit")
	tr := trace(t, v, "objects:\n- {path: OBJ/tally.bpf.o, attach: {"+where.cookies(libc)+"}}\n- {gadget: funccount, args: ["+strings.Join(own, ", ")+"]}")
	host.Compare(t, c, tr)
	wantQuiet(t, tr)
	for spec, n := range s.own {
		tr.WantHits(t, spec, n)
	}
	calls := table(t, tr, "tally.by_cookie")
	for i, f := range libcCalls {
		if want, ok := s.known[f]; ok && calls[uint64(i)] != want {
			t.Errorf("%d calls of %s, want %d", calls[uint64(i)], f, want)
		}
	}
	likeAgent(t, &c, tr)
	inKernel(t, v.image(t, "tally"), libc, c, where).agrees(tr, "tally", "by_cookie")
}

// TestMallocs: the gadget counts allocations, bytes and sizes as its own object does in the kernel.
func TestMallocs(t *testing.T) {
	libc := ownLibc(t)
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			host.Require(t, s.name)
			c := host.Cmd{Args: s.args, Dir: host.WorkDir(t), Setup: numbers, Env: []string{"LD_LIBRARY_PATH=" + filepath.Dir(libc)}}
			tr := trace(t, anyVariant(t), "objects: [{gadget: mallocs}]")
			host.Compare(t, c, tr)
			wantQuiet(t, tr)
			name := append([]byte(s.name), make([]byte, 16-len(s.name))...)
			values, err := opened(t, tr, "mallocs.allocations").Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			count, bytes, sizes := sum(values)[0], sum(values)[1], sum(values)[2:]
			if count == 0 || bytes < count || total(sizes) != count {
				t.Errorf("%d allocations of %d bytes together, %d in the histogram", count, bytes, total(sizes))
			}
			g, err := gadgets.Find("mallocs")
			if err != nil {
				t.Fatal(err)
			}
			likeAgent(t, &c, tr)
			inKernel(t, g.Object, libc, c, places{program: "on_malloc", functions: []string{"malloc"}}, places{program: "on_calloc", functions: []string{"calloc"}},
				places{program: "on_realloc", functions: []string{"realloc"}}).agrees(tr, "mallocs", "allocations")
		})
	}
}

// likeAgent gives a run without the agent's work what it has with it: the file, and as many variables of the same length.
// They are memory too.
func likeAgent(t *testing.T, c *host.Cmd, tr *host.Trace) {
	t.Helper()
	c.Env = append(c.Env, "LD_PRELOAD="+host.Agent(t), "NOTHING_MANIFEST="+filepath.Dir(c.Dir)+"/m.yaml", "NOTHING_RUNDIR="+tr.RunDir)
}

// numbers writes 5000 numbers, out of order.
func numbers(t testing.TB, dir string) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintln(&b, i*7919%5000)
	}
	if err := os.WriteFile(filepath.Join(dir, "numbers"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ownLibc copies the C library, so that nobody else runs the kernel's probes in it.
func ownLibc(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(host.BinDir(t), "lib")
	to := filepath.Join(dir, "libc.so.6")
	if _, err := os.Stat(to); err != nil {
		run(t, "sh", "-c", `mkdir "$0" && cp "$(ldd /bin/sh | sed -n 's/.* => \(.*libc\.so\.6\) .*/\1/p')" "$0"/libc.so.6`, dir)
	}
	return to
}
