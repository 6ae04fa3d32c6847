package hosts

import (
	"os"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestExceptions: C++ exceptions in every form pass frames whose entry and return are probed, by each tactic.
func TestExceptions(t *testing.T) {
	victim := exceptionsVictim(t)
	for _, function := range []string{"return_a", "return_b", "return_c", "return_d"} {
		t.Run(function, func(t *testing.T) {
			entry, ret := "uprobe/"+victim+":"+function, "uretprobe/"+victim+":"+function
			tr := host.Of(entry, ret)
			plain, _ := host.Compare(t, host.Cmd{Args: []string{victim, function, "200"}, Dir: host.WorkDir(t)}, tr)
			if !strings.HasSuffix(plain.Stdout, "\ndone\n") {
				t.Fatalf("the victim printed %q", plain.Stdout)
			}
			tr.WantTactic(t, ret, strings.ReplaceAll(function, "_", "-"))
			tr.WantSome(t, entry, ret)
		})
	}
}

// TestExceptionsEverywhere: the same with probes on every function of the libraries that throw and unwind, and of the
// program.
func TestExceptionsEverywhere(t *testing.T) {
	victim := exceptionsVictim(t)
	var specs []string
	for _, module := range []string{"libstdc++", "libgcc_s", victim} {
		specs = append(specs, "uprobe.multi/"+module+":*", "uretprobe.multi/"+module+":*")
	}
	tr := host.Of(specs...)
	host.Compare(t, host.Cmd{Args: []string{victim, "return_d", "200"}, Dir: host.WorkDir(t)}, tr)
	for spec, l := range tr.Links(t) { // each pattern has a function that is refused
		if l.Hits == 0 || l.Misses > 0 || strings.Contains(spec, "libstdc++") && l.Sites < 3000 {
			t.Errorf("%+v", l)
		}
	}
}

func exceptionsVictim(t *testing.T) string {
	c := host.Plugin(t, "cframe.c", "cframe.so", "-fexceptions")
	return host.Victim(t, "exceptions.cpp", "-O1", "-g0", "-std=c++20", "-pthread", c)
}

// TestTailCalls: a chain of probed functions, each of which jumps to the next, returns for each of them once, the last
// one first; what is deeper than there is room for counts as missed.
func TestTailCalls(t *testing.T) {
	victim := host.Victim(t, "tails.cpp", "-O1")
	var specs []string
	for _, n := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		specs = append(specs, "uprobe/"+victim+":tail_"+n, "uretprobe/"+victim+":tail_"+n)
	}
	tr := host.Of(append(specs, "uprobe/"+victim+":ping", "uretprobe/"+victim+":ping", "uretprobe/"+victim+":pong")...)
	host.Compare(t, host.Cmd{Args: []string{victim}, Dir: host.WorkDir(t)}, tr)
	for i, spec := range specs {
		if i == 17 || i == 19 { // the returns of tail_8 and tail_9
			if l := tr.Links(t)[spec]; l.Misses != 1000 && !host.Baseline() {
				t.Errorf("%+v, want 1000 misses", l)
			}
			continue
		}
		tr.WantHits(t, spec, 1000)
	}
	tr.WantHits(t, "uprobe/"+victim+":ping", 1000001)
	tr.WantCalls(t, "uretprobe/"+victim+":ping", 1000001)
}

// TestDebugger: gdb shows the frames it shows without probes, and ours between them.
func TestDebugger(t *testing.T) {
	host.Require(t, "gdb")
	victim := host.Victim(t, "unwind.cpp", "-pthread", "-rdynamic", "-ldl")
	for _, function := range []string{"return_a", "return_b", "return_c", "return_d"} {
		t.Run(function, func(t *testing.T) {
			tr := host.Of("uprobe/"+victim+":"+function, "uretprobe/"+victim+":"+function)
			c := host.Cmd{Dir: host.WorkDir(t), Args: []string{"gdb", "-nx", "-q", "-batch", "-ex", "break inner_caller", "-ex", "run",
				"-ex", "break backtrace", "-ex", "continue", "-ex", "bt", "-ex", "delete", "-ex", "continue", "--args", victim, "walked", "1", function}}
			c.Rules = []host.Rule{
				host.Rewrite(`#\d+ +0x[0-9a-f]+ in \?\? \(\) from \S*libbpftime-agent\.so\n`, ""),
				host.Rewrite(`#\d+ +`, "# "), host.Rewrite(`0x[0-9a-f]+`, "ADDRESS"), host.Rewrite(`\b[0-9]{3,7}\b`, "N"),
			}
			plain, _ := host.Compare(t, c, tr)
			for _, frame := range []string{" in " + function + " (", " in outer_caller (", " in main ("} {
				if !strings.Contains(plain.Stdout, frame) {
					t.Errorf("no frame %q in %q", frame, plain.Stdout)
				}
			}
		})
	}
}

// TestGreenlet: stacks are copied to where others have been. The module that does it comes late, so what tactic d has is
// switched off then, and its frames that live are found.
func TestGreenlet(t *testing.T) {
	host.Require(t, "python3")
	if _, err := os.Stat("/usr/lib/python3/dist-packages/greenlet"); err != nil {
		host.Require(t, "python3-greenlet") // is no program: says that it is not there
	}
	c := command{name: "greenlet", args: []string{"python3", "greenlets.py"}, files: []string{"greenlets.py"}}
	entry, ret := "uprobe.multi//proc/self/exe:*", "uretprobe.multi//proc/self/exe:*"
	tr := host.Of(entry, ret)
	c.compare(t, nil, tr)
	for spec, l := range tr.Links(t) {
		if l.Hits == 0 || spec == ret && l.Misses == 0 {
			t.Errorf("%+v", l)
		}
	}
	if log := strings.Join(tr.Log(t), "\n"); !host.Baseline() && !strings.Contains(log, "copies stacks") {
		t.Errorf("the log says nothing of it: %s", log)
	}
}
