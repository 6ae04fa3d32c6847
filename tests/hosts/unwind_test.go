package hosts

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestUnwind: control leaves probed functions by exceptions, longjmp, cancellation, context switches; the victim says
// how often f was entered and how often it returned, and the links must agree.
func TestUnwind(t *testing.T) {
	victim := host.Victim(t, "unwind.cpp", "-pthread", "-rdynamic", "-ldl")
	tests := []struct {
		name      string
		n         int
		free      bool // the counts depend on timing
		extra     uint64
		dies      bool // it prints no counts
		uncounted bool // nor does it count
	}{
		{name: "caught_by_caller", n: 100},
		{name: "caught_further", n: 100},
		{name: "caught_through_many", n: 100},
		{name: "rethrown", n: 100},
		{name: "caught_inside", n: 100},
		{name: "uncaught", n: 1, dies: true},
		{name: "walked", n: 1},
		{name: "jumped", n: 1000},
		{name: "coroutines", n: 100},
		{name: "migrates", n: 50},
		{name: "cancelled", n: 50, free: true},
		{name: "thread_exits", n: 50},
		{name: "deep", n: 1},
		{name: "overflow", n: 1, dies: true},
		{name: "forked_inside", n: 1, extra: 1},
		{name: "cancelled_anywhere", n: 300, uncounted: true},
		{name: "vforked_inside", n: 50},
		{name: "by_hand", n: 100},
		{name: "stepped", n: 3},
	}
	for _, function := range []string{"return_a", "return_b", "return_c", "return_d"} {
		entry, ret := "uprobe/"+victim+":"+function, "uretprobe/"+victim+":"+function
		session := "uprobe.session/" + victim + ":" + function
		for _, test := range tests {
			for kind, specs := range map[string][]string{"entry": {entry}, "return": {ret}, "both": {entry, ret}, "session": {session}} {
				if kind == "session" && function > "return_b" {
					continue // whose return addresses do not stay in their places
				}
				t.Run(test.name+"/"+function+"/"+kind, func(t *testing.T) {
					tr := host.Of(specs...)
					c := host.Cmd{Args: []string{victim, test.name, fmt.Sprint(test.n), function}, Dir: host.WorkDir(t)}
					if test.free {
						c.Rules = []host.Rule{host.Rewrite(`\d+`, "N")}
					}
					_, traced := host.Compare(t, c, tr)
					if slices.Contains(specs, ret) {
						tr.WantTactic(t, ret, strings.ReplaceAll(function, "_", "-"))
					}
					if !test.dies && !test.uncounted {
						full := function == "return_d" && test.name == "deep" // more frames than the table has places
						wantCounts(t, tr, traced.Stdout, specs, test.extra, full)
					}
				})
			}
		}
	}
}

func wantCounts(t *testing.T, tr *host.Trace, stdout string, specs []string, extra uint64, full bool) {
	t.Helper()
	var entered, returned uint64
	at := strings.LastIndex(stdout, "entered ")
	if at < 0 {
		t.Errorf("no counts in %q", stdout)
		return
	}
	if _, err := fmt.Sscanf(stdout[at:], "entered %d returned %d", &entered, &returned); err != nil {
		t.Errorf("%q: %v", stdout, err)
	}
	for _, spec := range specs {
		switch {
		case strings.HasPrefix(spec, "uprobe/"):
			tr.WantHits(t, spec, entered)
		case strings.HasPrefix(spec, "uprobe.session/"):
			tr.WantHits(t, spec, entered+returned+extra)
		case full:
			tr.WantCalls(t, spec, returned+extra)
		default:
			tr.WantHits(t, spec, returned+extra)
		}
	}
}
