package hosts

import (
	"os"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestEveryFunctionOfLibc: programs do what they did with a probe at every function of libc that can be patched, at
// its entry and at its return, each by one link.
func TestEveryFunctionOfLibc(t *testing.T) {
	entry, ret := "uprobe.multi/libc:*", "uretprobe.multi/libc:*"
	for _, c := range commands {
		switch c.name {
		case "true", "sh pipeline", "python threads", "perl", "tar":
		default:
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			host.Require(t, c.needs...)
			tr := host.Of(entry, ret)
			c.compare(t, nil, tr)
			for _, spec := range []string{entry, ret} {
				if l := tr.Links(t)[spec]; l.Hits == 0 && !host.Baseline() {
					t.Errorf("%s: %+v", spec, l)
				}
			}
		})
	}
}

// TestHookedBySomebody: a function that another library of the process has patched is refused by itself, and works on
// as that library wants it; the other probes are there.
func TestHookedBySomebody(t *testing.T) {
	hooks := host.Plugin(t, "hooks.c", "hooks.so", "-ldl")
	victim := host.Victim(t, "hooked.c", "-Wl,--no-as-needed", hooks)
	tr := host.Of("uprobe/libc:getppid", "uprobe/libc:getuid", "uprobe.multi/libc:get?*id")
	if plain, _ := host.Compare(t, host.Cmd{Args: []string{victim}, Dir: host.WorkDir(t)}, tr); plain.Stdout != "hooked\n" {
		t.Errorf("it printed %q: its library patched nothing", plain.Stdout)
	}
	tr.WantHits(t, "uprobe/libc:getuid", 100)
	if host.Baseline() {
		return
	}
	const why = "somebody else has patched here"
	for _, spec := range []string{"uprobe/libc:getppid", "uprobe.multi/libc:get?*id"} {
		if l := tr.Links(t)[spec]; l.Refused != 1 || strings.Contains(spec, "*") != (l.Hits == 200) || !strings.Contains(strings.Join(tr.Log(t), "\n"), why) {
			t.Errorf("%s: %+v, log %q, want it to say %q", spec, l, tr.Log(t), why)
		}
	}
}

// TestManyFunctions: 20 000 functions, at their entry and at their return, are compiled for before the compiler's
// deadline, also where the file's symbols are all there, and every call counts.
func TestManyFunctions(t *testing.T) {
	victim := host.Victim(t, "many.c", "many.S")
	entry, ret := "uprobe.multi/"+victim+":f_many_*", "uretprobe.multi/"+victim+":f_many_*"
	tr := host.Of(entry, ret)
	host.Compare(t, host.Cmd{Args: []string{victim, "3"}, Dir: host.WorkDir(t)}, tr)
	for _, spec := range []string{entry, ret} {
		tr.WantHits(t, spec, 3*20000)
		if l := tr.Links(t)[spec]; l.Sites != 20000 && !host.Baseline() {
			t.Errorf("%s: %d sites", spec, l.Sites)
		}
	}
}

// TestTwoAgents: two copies of the agent in one process are two who patch: a function has the probe of whoever came
// first, the other is refused there and nowhere else, and every call counts once.
func TestTwoAgents(t *testing.T) {
	if host.Baseline() {
		t.Skip("BPFTIME_AGENT=none")
	}
	guest, dir := host.Victim(t, "guest.c"), host.WorkDir(t)
	agent, err := os.ReadFile(host.Agent(t))
	if err != nil {
		t.Fatal(err)
	}
	second := dir + "-second.so"
	if err := os.WriteFile(second, agent, 0o755); err != nil {
		t.Fatal(err)
	}
	spec := "uprobe/" + guest + ":f"
	tr := &host.Trace{Specs: []string{spec}, Preload: "NOT_YET"} // only behind env
	host.Compare(t, host.Cmd{Args: []string{"env", "LD_PRELOAD=" + host.Agent(t) + " " + second, guest}, Dir: dir}, tr)
	l := tr.Links(t)[spec]
	if l.Hits != 100 || l.Misses != 0 || l.Sites != 1 || l.Refused != 1 || !strings.Contains(l.Error, "other bytes than in the file") {
		t.Errorf("%+v", l)
	}
}
