// Package everything probes every function that can be probed, at its entry and at its return, in all libraries and the
// program at once, and lets the program do its own work.
//
// What is compared is the program's own word: answers of its tests, of its clients, of its suites. That every function
// that `bpftime check` calls patchable has its patch is counted. With traps, so that no function is left out.
package everything

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// modules are those of which every function is probed: with a name, and without.
var modules = []string{"libc.so.6", "libcrypto.so.3", "libstdc++", "libm.so.6", "libgcc_s"}

// trace probes all functions of the modules and of a program.
func trace(program string) *host.Trace {
	tr := &host.Trace{Traps: true}
	for _, m := range append(modules, program) {
		for _, pattern := range []string{"*", "0x*"} {
			tr.Specs = append(tr.Specs, "uprobe.multi/"+m+":"+pattern, "uretprobe.multi/"+m+":"+pattern)
		}
	}
	return tr
}

// wantHits fails the test where a module's functions were not hit at all, or not probed.
func wantHits(t *testing.T, tr *host.Trace, modules ...string) {
	t.Helper()
	if host.Baseline() {
		return
	}
	links := tr.Links(t)
	for _, m := range modules {
		for _, spec := range []string{"uprobe.multi/" + m + ":*", "uretprobe.multi/" + m + ":*", "uprobe.multi/" + m + ":0x*"} {
			l := links[spec]
			if l.Hits == 0 || l.Misses > l.Hits/1000 {
				t.Errorf("%s: %d hits, %d misses at %d sites", spec, l.Hits, l.Misses, l.Sites)
			}
		}
		if l := links["uprobe.multi/"+m+":*"]; l.Refused != 0 {
			t.Errorf("%s: %d entries are refused with traps: %s", m, l.Refused, l.Error)
		}
	}
}

// checked is what `bpftime check` says of one file, as far as it is looked at.
type checked struct {
	Binaries []struct {
		Functions []struct {
			Vaddr         uint64
			Entry, Return string
			Part          bool
		}
	}
}

func check(t *testing.T, path string) checked {
	t.Helper()
	out, err := exec.Command(filepath.Join(host.Root(t), "build", "bpftime"), "check", "--all", "--traps", "--json", path).Output()
	if err != nil {
		t.Fatalf("bpftime check %s: %v", path, err)
	}
	var c checked
	if err := json.Unmarshal(out, &c); err != nil || len(c.Binaries) != 1 || len(c.Binaries[0].Functions) < 100 {
		t.Fatalf("bpftime check %s: %v, %.200s", path, err, out)
	}
	return c
}

// TestEveryFunction: as many entries and returns are probed in a process as check calls patchable.
func TestEveryFunction(t *testing.T) {
	if host.Baseline() {
		t.Skip("BPFTIME_AGENT=none")
	}
	tr := trace("/proc/self/exe")
	host.Compare(t, host.Cmd{Args: []string{"redis-server", "--version"}, Dir: host.WorkDir(t)}, tr)
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	links := tr.Links(t)
	for spec, path := range map[string]string{"libc.so.6": "/lib/x86_64-linux-gnu/libc.so.6", "libcrypto.so.3": "/lib/x86_64-linux-gnu/libcrypto.so.3",
		"libm.so.6": "/lib/x86_64-linux-gnu/libm.so.6", "/proc/self/exe": program} {
		entries, returns, ifuncs := 0, 0, 0
		for _, f := range check(t, path).Binaries[0].Functions {
			switch {
			case f.Part:
				continue
			case f.Entry == "ifunc": // by its name too, the implementation is probed
				ifuncs++
				continue
			case f.Entry != "":
				entries++
			}
			if f.Return != "" {
				returns++
			}
		}
		got := links["uprobe.multi/"+spec+":*"].Sites + links["uprobe.multi/"+spec+":0x*"].Sites
		gotReturns := links["uretprobe.multi/"+spec+":*"].Sites + links["uretprobe.multi/"+spec+":0x*"].Sites
		t.Logf("%s: %d entries and %d returns probed, check says %d and %d, and %d IFUNCs", path, got, gotReturns, entries, returns, ifuncs)
		if n, r := int(got)-entries, int(gotReturns)-returns; n < 0 || n > ifuncs || r < 0 || r > ifuncs {
			t.Errorf("%s: %d entries and %d returns are probed, %d and %d are possible", path, got, gotReturns, entries, returns)
		}
	}
}
