package objects

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestUSDTLate: the markers of a library that comes and goes while the program runs, in two namespaces at once, known
// before or not: every time it comes they are attached anew, and its semaphores say so.
func TestUSDTLate(t *testing.T) {
	host0, plugin := markerHost(t, "gcc-O2"), markerPlugin(t)
	for name, file := range map[string]string{"by path": plugin, "by name": "libmarkers"} {
		t.Run(name, func(t *testing.T) {
			tr := trace(t, anyVariant(t), onMarkers("usdt", file))
			r := host.Run(t, host.Cmd{Args: []string{host0, "loads", plugin, "5"}, Dir: host.WorkDir(t)}, tr)
			wantQuiet(t, tr)
			if r.Exit != 0 || r.Stdout == "" {
				t.Fatalf("exit %d, signal %d, stderr %q", r.Exit, r.Signal, r.Stderr)
			}
			wantEvents(t, events(t, tr, "usdt"), r.Stdout, unreadable(t, plugin, false))
			bss := globals(t, tr, "usdt", "bss")
			if bss["ticks"] != 500 || bss["ticked"] != 5*4950 {
				t.Errorf("counted %v, want 500 ticks of together %d", bss, 5*4950)
			}
		})
	}
}

// markersRun runs testdata/markers.c with markers counted, by name, and without: it behaves the same.
func markersRun(t *testing.T, name string, counted string, args ...string) (*host.Trace, string) {
	t.Helper()
	file := markerHost(t, name)
	var specs []string
	for _, marker := range strings.Fields(counted) {
		specs = append(specs, "usdt/"+file+":shop:"+marker)
	}
	tr := host.Of(specs...)
	c := host.Cmd{Args: append([]string{file}, args...), Dir: host.WorkDir(t)}
	plain, _ := host.Compare(t, c, tr)
	wantQuiet(t, tr)
	return tr, plain.Stdout
}

// TestUSDTLeaves: a marker in a leaf leaves the red zone, all flags and all registers as they are, in a loop too.
func TestUSDTLeaves(t *testing.T) {
	for _, name := range []string{"gcc-O0", "gcc-O3-nopie", "g++-O2", "clang-O2"} {
		tr, said := markersRun(t, name, "leaf led", "leaves")
		if said != "leaves done\n" {
			t.Errorf("%s: %s", name, said)
		}
		tr.WantHits(t, "usdt/"+markerHost(t, name)+":shop:leaf", 64+16*1000)
		tr.WantHits(t, "usdt/"+markerHost(t, name)+":shop:led", 500)
	}
}

// TestUSDTThreads: in loops of several threads each hit is counted, with its argument.
func TestUSDTThreads(t *testing.T) {
	const threads, n = 8, 20_000
	for _, name := range []string{"gcc-O2", "clang-O2", "gcc-O0"} {
		file := markerHost(t, name)
		tr := trace(t, anyVariant(t), fmt.Sprintf("objects: [{path: OBJ/usdt.bpf.o, attach: {on_tick: \"usdt/%s:shop:tick\"}}]", file))
		c := host.Cmd{Args: []string{file, "threads", fmt.Sprint(threads), fmt.Sprint(n)}, Dir: host.WorkDir(t)}
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		if bss := globals(t, tr, "usdt", "bss"); bss["ticks"] != threads*n || bss["ticked"] != threads*n*(n-1)/2 {
			t.Errorf("%s: %v, want %d ticks of together %d", name, bss, threads*n, threads*n*(n-1)/2)
		}
	}
}

// TestUSDTSemaphores: a semaphore counts one listener for each module that listens, however many programs and places, and
// nobody where nobody does; a child of fork has them on too.
func TestUSDTSemaphores(t *testing.T) {
	for _, name := range []string{"gcc-O2", "gcc-O3-nopie", "clang-O0", "g++-O2"} {
		file := markerHost(t, name)
		guarded, tick := "usdt/"+file+":shop:guarded", "usdt/"+file+":shop:tick"
		tr := host.Of(guarded, "usdt//proc/self/exe:shop:guarded", tick)
		c := host.Cmd{Args: []string{file, "semaphores"}, Dir: host.WorkDir(t)}
		if r := host.Run(t, c, tr); r.Stdout != "1 1 0\n" {
			t.Errorf("%s: semaphores %q, want those of guarded and tick on", name, r.Stdout)
		}
		if r := host.Run(t, c, nil); r.Stdout != "0 0 0\n" {
			t.Errorf("%s: semaphores %q without the agent", name, r.Stdout)
		}
		c.Args = []string{file, "forks", "30"}
		if r := host.Run(t, c, tr); r.Stdout != "8 31\n8 30\n" {
			t.Errorf("%s: %q, want parent and child to find somebody who listens", name, r.Stdout)
		}
		wantQuiet(t, tr)
		tr.WantHits(t, guarded, 2)
		tr.WantHits(t, tick, 60)
	}
}

// TestUSDTTogether: programs that were compiled differently run in one session, one after the other and at once, with one
// object. Each finds its own descriptions, in every run.
func TestUSDTTogether(t *testing.T) {
	files := []string{markerHost(t, "gcc-O0"), markerHost(t, "gcc-O2"), markerHost(t, "clang-O0")}
	c := host.Cmd{Dir: host.WorkDir(t)}
	tr := lasting(t, c, trace(t, anyVariant(t), onMarkers("usdt", files...)))
	for _, file := range append(files, files...) {
		c.Args = []string{file}
		r := host.Run(t, c, tr)
		wantEvents(t, events(t, tr, "usdt"), r.Stdout, unreadable(t, file, false))
	}
	before := len(counted(table(t, tr, "usdt.__bpf_usdt_specs")))
	c.Args = []string{"sh", "-c", `for i in 1 2 3; do "$0" >/dev/null & "$1" >/dev/null & "$2" >/dev/null & done; wait`, files[0], files[1], files[2]}
	host.Run(t, c, tr)
	wantQuiet(t, tr)
	lines := map[string]int{}
	for _, e := range events(t, tr, "usdt") {
		lines[e.line()]++
	}
	for _, line := range []string{"0", "3 7 -9 -3 200 9223372036854775807 4294967295", "6 -14 -42", "8 -1"} {
		if lines[line] != 9 {
			t.Errorf("%q is there %d times, want once for each of 9 processes", line, lines[line])
		}
	}
	if after := len(counted(table(t, tr, "usdt.__bpf_usdt_specs"))); after != before {
		t.Errorf("%d descriptions, then %d of the same", before, after)
	}
}

// TestUSDTFull: where the object has no more room for descriptions, the specifications that need one are refused, and say
// what to do; the others work.
func TestUSDTFull(t *testing.T) {
	file := markerHost(t, "gcc-O2")
	tr := trace(t, anyVariant(t), strings.Replace(onMarkers("usdt", file), "attach:", "maps: {__bpf_usdt_specs: {max_entries: 3}}, attach:", 1))
	r := host.Run(t, host.Cmd{Args: []string{file}, Dir: host.WorkDir(t)}, tr)
	if r.Exit != 0 {
		t.Fatalf("exit %d, %q", r.Exit, r.Stderr)
	}
	wantSaid(t, tr, "usdt.on_marker usdt/.*:shop:constants: maps: usdt.__bpf_usdt_specs: all elements are taken: .*: "+
		"define BPF_USDT_MAX_SPEC_CNT before including usdt.bpf.h, or set max_entries of __bpf_usdt_specs in the manifest")
	var want []string
	for _, line := range strings.Split(r.Stdout, "\n") {
		if line != "" && strings.Contains("012", line[:1]) {
			want = append(want, line)
		}
	}
	wantEvents(t, events(t, tr, "usdt"), strings.Join(want, "\n"), nil)
}

// TestUSDTMacro: the usual BPF_USDT program, by its section, in a marker that is inlined in three functions.
func TestUSDTMacro(t *testing.T) {
	forEnds(t, func(t *testing.T, v variant) {
		for _, object := range []string{"usdt", "usdtsib"} {
			tr := trace(t, v, "objects: [{path: OBJ/"+object+".bpf.o}]")
			host.Run(t, host.Cmd{Args: []string{markerHost(t, "gcc-O2")}, Dir: host.WorkDir(t)}, tr)
			bss := globals(t, tr, object, "bss")
			if file := len(markerHost(t, "gcc-O2")); bss["calls"] != 6 || bss["wrong"] != 0 || bss["sum"] != uint64(5+file-14) {
				t.Errorf("%s: %v, want 6 calls, sum %d", object, bss, 5+file-14)
			}
		}
	})
}
