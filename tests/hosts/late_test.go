package hosts

import (
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestLateModules(t *testing.T) {
	victim := host.Victim(t, "late.c", "-pthread", "-ldl")
	plugin := host.Plugin(t, "plugin.c", "plugin.so")
	tests := []struct {
		name string
		n    int
		env  []string
		root bool // it changes users
	}{
		{name: "once", n: 1000},
		{name: "reload", n: 10},
		{name: "namespaces", n: 1000},
		{name: "among_allocators", n: 10, env: []string{"MALLOC_ARENA_MAX=1"}},
		{name: "in_child", n: 1000},
		{name: "drop_then_load", n: 1000, root: true},
		{name: "worker_drops", n: 1000, root: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.root {
				host.RequireRoot(t)
			}
			entry, ret := "uprobe/"+plugin+":g", "uretprobe/"+plugin+":g"
			tr := host.Of(entry, ret, "uprobe/libc:malloc")
			_, traced := host.Compare(t, host.Cmd{
				Args: []string{victim, test.name, plugin, fmt.Sprint(test.n)}, Dir: host.WorkDir(t), Env: test.env,
			}, tr)
			n := number(t, traced.Stdout, "calls %d\n")
			tr.WantHits(t, entry, n)
			tr.WantHits(t, ret, n)
		})
	}
}

// TestLateModuleByThreads: when three threads load and unload the same module, its constructor runs only when it is
// mapped anew. The victim counts one constructor per dlopen, so here it can only bound the hits.
func TestLateModuleByThreads(t *testing.T) {
	victim := host.Victim(t, "late.c", "-pthread", "-ldl")
	plugin := host.Plugin(t, "plugin.c", "plugin.so")
	tr := host.Of("uprobe/" + plugin + ":g")
	const loads, each = 3 * 200, 10
	host.Compare(t, host.Cmd{Args: []string{victim, "by_threads", plugin, fmt.Sprint(each)}, Dir: host.WorkDir(t)}, tr)
	if host.Baseline() {
		return
	}
	l := tr.Links(t)["uprobe/"+plugin+":g"]
	if l.Error != "" || l.Hits < loads*each+1 || l.Hits > loads*each+loads {
		t.Errorf("%d hits, %q; want between %d and %d", l.Hits, l.Error, loads*each+1, loads*each+loads)
	}
}

// TestBigHost reports how long a late dlopen takes in a process with much dirty memory: at most 20 ms more is the
// goal. It asserts only that the module is traced: what is timed is printed.
func TestBigHost(t *testing.T) {
	victim := host.Victim(t, "late.c", "-pthread", "-ldl")
	plugin := host.Plugin(t, "plugin.c", "plugin.so")
	megabytes := min(host.Scale(1024, 4096), host.AvailableMemory(t)/2)
	tr := host.Of("uprobe/" + plugin + ":g")
	c := host.Cmd{
		Args: []string{victim, "big", plugin, fmt.Sprint(megabytes)}, Dir: host.WorkDir(t),
		Rules: []host.Rule{host.Rewrite(`dlopen \d+ us`, "dlopen")},
	}
	plain, traced := host.Compare(t, c, tr)
	t.Logf("%d MB dirty: plain %s, traced %s", megabytes, plain.Stderr, traced.Stderr)
	tr.WantHits(t, "uprobe/"+plugin+":g", 1001)
}
