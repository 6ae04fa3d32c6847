package objects

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// markersInKernel has the command run with a program of an object on markers of one file, each with its place in the list
// for a cookie, as libbpf attaches them: a uprobe on each nop, and the semaphore's place beside it. It is nil where there
// is no such witness.
func markersInKernel(t *testing.T, image []byte, program, file string, c host.Cmd, names ...string) *witness {
	t.Helper()
	if os.Geteuid() != 0 || rlimit.RemoveMemlock() != nil {
		t.Log("no second witness: not root")
		return nil
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	all, err := ebpf.NewCollection(spec)
	if err != nil {
		t.Logf("no second witness: %v", err)
		return nil
	}
	t.Cleanup(all.Close)
	for i, name := range names {
		for _, l := range attachMarker(t, file, name, all.Programs[program], uint64(i)) {
			if l == nil {
				return nil
			}
			defer l.Close()
		}
	}
	host.Run(t, c, nil)
	return &witness{t, all}
}

func attachMarker(t *testing.T, file, name string, program *ebpf.Program, cookie uint64) (links []link.Link) {
	t.Helper()
	f, err := elfsym.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	provider, marker, _ := strings.Cut(name, ":")
	found, err := f.LookupUSDT(provider, marker)
	if err != nil {
		t.Fatal(err)
	}
	executable, err := link.OpenExecutable(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range found {
		at, _ := f.FileOffset(u.Addr)
		semaphore, _ := f.FileOffset(u.Semaphore)
		l, err := executable.Uprobe(name, program, &link.UprobeOptions{Address: at, RefCtrOffset: semaphore, Cookie: cookie})
		if err != nil {
			t.Logf("no second witness: %v", err)
			return append(links, nil)
		}
		links = append(links, l)
	}
	return links
}

// atMarkers are specifications for the same places.
func atMarkers(file string, names ...string) string {
	var at []string
	for i, name := range names {
		at = append(at, fmt.Sprintf("{at: \"usdt/%s:%s\", cookie: %d}", file, name, i))
	}
	return "objects: [{path: OBJ/tally.bpf.o, attach: {tally: [" + strings.Join(at, ", ") + "]}}]"
}

// likeKernel runs a command with markers counted here and by the kernel, which agree. It returns the counts by marker.
func likeKernel(t *testing.T, c host.Cmd, file string, names ...string) map[string]uint64 {
	t.Helper()
	v := anyVariant(t)
	tr := trace(t, v, atMarkers(file, names...))
	host.Compare(t, c, tr)
	wantQuiet(t, tr)
	likeAgent(t, &c, tr)
	v.compile(t, "tally")
	markersInKernel(t, v.image(t, "tally"), "tally", file, c, names...).agrees(tr, "tally", "by_cookie")
	out := map[string]uint64{}
	for i, n := range table(t, tr, "tally.by_cookie") {
		if i < uint64(len(names)) {
			out[names[i]] = n
		}
	}
	return out
}

// TestUSDTLikeKernel: the markers of a program are hit as often as the kernel says, those with semaphores too.
func TestUSDTLikeKernel(t *testing.T) {
	for _, name := range []string{"gcc-O2", "clang-O0", "gcc-O3-nopie"} {
		file := markerHost(t, name)
		var names []string
		for _, marker := range markers {
			names = append(names, "shop:"+marker)
		}
		c := host.Cmd{Args: []string{file}, Dir: host.WorkDir(t), Rules: []host.Rule{
			host.Rewrite(`\b14\d{13}\b|\b9\d{13}\b`, "POINTER"), host.Rewrite(`8 -1\n`, "") /* somebody listens */}}
		got := likeKernel(t, c, file, names...)
		for marker, n := range map[string]uint64{"none": 1, "widths": 3, "memory": 3, "inlined": 6, "guarded": 1} {
			if got["shop:"+marker] != n {
				t.Errorf("%s: %d hits of %s, want %d", name, got["shop:"+marker], marker, n)
			}
		}
	}
}

// ownPython copies Python, so that nobody else runs the kernel's probes in it. It is skipped where Python has no markers.
func ownPython(t *testing.T) string {
	t.Helper()
	host.Require(t, "python3")
	to := filepath.Join(host.BinDir(t), "marked-python")
	run(t, "sh", "-c", `cp "$(PATH=/usr/bin:/bin command -v python3)" "$0"`, to)
	f, err := elfsym.Open(to)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	if _, err := f.LookupUSDT("python", "function__return"); err != nil {
		t.Skip(err)
	}
	return to
}

const pythonScript = `
import gc, sys
gc.disable()
def called(n): return n
def calls():
    for i in range(100): called(i)
for i in range(7): calls()
class Loop: pass
def loop():
    a = Loop(); a.a = a
freed = gc.collect()
for i in range(50): loop()
freed += gc.collect(2)
gc.collect(1); gc.collect(0); gc.collect(0)
print(*[s["collections"] for s in gc.get_stats()], sum(s["collected"] for s in gc.get_stats()))
`

// TestUSDTPython: Python tells by its markers which functions return and what it collects; strings among the arguments.
func TestUSDTPython(t *testing.T) {
	python := ownPython(t)
	c := host.Cmd{Args: []string{python, "-I", "-S", "-c", pythonScript}, Dir: host.WorkDir(t)}
	forEnds(t, func(t *testing.T, v variant) {
		tr := trace(t, v, "objects: [{path: OBJ/python.bpf.o}]")
		plain, _ := host.Compare(t, c, tr)
		wantQuiet(t, tr)
		returned := map[string]uint64{}
		for key, values := range opened(t, tr, "python.returned").All() {
			returned[text(key)] = number(values[0])
		}
		if returned["called"] != 700 || returned["calls"] != 7 || returned["loop"] != 50 {
			t.Errorf("called %d, calls %d, loop %d; want 700, 7, 50", returned["called"], returned["calls"], returned["loop"])
		}
		bss := globals(t, tr, "python", "bss")
		var young, middle, old, freed uint64
		fmt.Sscan(plain.Stdout, &young, &middle, &old, &freed)
		if young < 2 || bss["collected[0]"] != young || bss["collected[1]"] != middle || bss["collected[2]"] < old || bss["freed"] < freed {
			t.Errorf("collections %v; Python counted %s and goes on when it ends", bss, plain.Stdout)
		}
	})
	likeKernel(t, c, python, "python:function__entry", "python:function__return", "python:gc__start", "python:audit",
		"python:import__find__load__start", "python:import__find__load__done", "python:line")
}

// TestUSDTExceptions: libstdc++ tells what is thrown and caught in a C++ program.
func TestUSDTExceptions(t *testing.T) {
	dir := filepath.Join(host.BinDir(t), "stdcpp")
	lib := filepath.Join(dir, "libstdc++.so.6")
	run(t, "sh", "-c", `mkdir -p "$0" && cp "$(g++ -print-file-name=libstdc++.so.6)" "$0"/libstdc++.so.6`, dir)
	thrower := filepath.Join(host.BinDir(t), "thrower")
	run(t, "g++", "-O2", "-o", thrower, "../../examples/throws/thrower.cpp")
	c := host.Cmd{Args: []string{thrower}, Dir: host.WorkDir(t), Env: []string{"LD_LIBRARY_PATH=" + dir}}
	got := likeKernel(t, c, lib, "libstdcxx:throw", "libstdcxx:rethrow", "libstdcxx:catch")
	if got["libstdcxx:throw"] != 100 || got["libstdcxx:rethrow"] != 90 || got["libstdcxx:catch"] != 190 {
		t.Errorf("%v, want 100 thrown, 90 again, 190 caught", got)
	}
}
