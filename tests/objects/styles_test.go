package objects

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestCalls: bpftime's style: a hash by process, counted up from nothing, and a line for each call.
func TestCalls(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const calls = 50
		tr := onTarget(t, v, "objects: [{path: OBJ/calls.bpf.o}]", "add", fmt.Sprint(calls))
		pid := tr.Processes(t)[0].PID
		if got := table(t, tr, "calls.calls_total"); !maps.Equal(got, map[uint64]uint64{uint64(pid): calls}) {
			t.Errorf("calls %v, want %d of %d", got, calls, pid)
		}
		want := slices.Repeat([]string{fmt.Sprintf("add called from pid %d", pid)}, calls)
		if got := printed(t, tr); !slices.Equal(got, want) {
			t.Errorf("printed %q", got)
		}
	})
}

// TestUprobe: libbpf's style: typed arguments and results, strings of the process, sections that say where.
func TestUprobe(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		tr := onTarget(t, v, `
objects:
- path: OBJ/uprobe.bpf.o
  attach: {uprobe_add: uprobe/target:add, uretprobe_add: "uretprobe/TARGET:add"}
`, "add", "3")
		want := []string{
			"uprobed_add ENTRY: a = 1, b = 2", "uprobed_add EXIT: return = 3",
			"uprobed_add ENTRY: a = 2, b = 4", "uprobed_add EXIT: return = 6",
			"uprobed_add ENTRY: a = 3, b = 6", "uprobed_add EXIT: return = 9",
		}
		if got := printed(t, tr); !slices.Equal(got, want) {
			t.Errorf("printed %q", got)
		}
		tr = onTarget(t, v, "objects: [{path: OBJ/uprobe.bpf.o}]", "greet", "2")
		want = []string{"greet ENTRY: name-1, 7 bytes", "greet EXIT: '1' and so on", "greet ENTRY: name-2, 7 bytes", "greet EXIT: '2' and so on"}
		if got := printed(t, tr); !slices.Equal(got, want) {
			t.Errorf("printed %q", got)
		}
	})
}

// TestKinds: what four threads count at once is there to the last one, in every kind of map.
func TestKinds(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const threads, calls = 4, 2000
		tr := onTarget(t, v, "objects: [{path: OBJ/kinds.bpf.o}]", "threads", fmt.Sprint(threads), fmt.Sprint(calls))
		want := map[uint64]uint64{}
		for i := range uint64(calls) {
			want[(i+1)&7] += threads * 2 * (i + 1)
		}
		for _, name := range []string{"in_array", "in_hash", "in_percpu_array", "in_percpu_hash"} {
			if got := table(t, tr, "kinds."+name); !maps.Equal(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
	})
}

// TestEntries: entries are made, kept and deleted as the kernel would, and the errors are the kernel's.
func TestEntries(t *testing.T) {
	const noEntry, exists = 1<<64 - 2, 1<<64 - 17
	forVariants(t, func(t *testing.T, v variant) {
		tr := onTarget(t, v, "objects: [{path: OBJ/entries.bpf.o}]", "add", "6")
		var want []uint64
		for i := range 6 {
			deleted := uint64(noEntry)
			if i >= 2 {
				deleted = 0
			}
			want = append(want, noEntry, 0, exists, 0, deleted, 0)
		}
		answers := table(t, tr, "entries.answers")
		for at, answer := range want {
			if answers[uint64(at)] != answer {
				t.Errorf("answer %d of call %d is %d, want %d", at%6, 1+at/6, int64(answers[uint64(at)]), int64(answer))
			}
		}
		left := map[string]uint64{}
		for key, values := range opened(t, tr, "entries.table").All() {
			left[fmt.Sprint(binary.LittleEndian.Uint32(key), " ", text(key[4:]))] = number(values[0])
		}
		if want := map[string]uint64{"5 an entry": 50, "6 an entry": 60}; !maps.Equal(left, want) {
			t.Errorf("left are %v, want %v", left, want)
		}
	})
}

// text ends at the first NUL.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// TestOrder: programs of one site run in the order of the manifest, those of returns after them, object after
// object; each knows its cookie, and constants are each object's own.
func TestOrder(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		tr := onTarget(t, v, `
objects:
- path: OBJ/order.bpf.o
  rodata: {object: 1}
  maps: {sequence: {shared: true}}
  attach:
    third: {at: uretprobe/target:add, cookie: 1}
    second: [{at: uprobe/target:add, cookie: 2}, uprobe/target:greet]
    first: [{at: uprobe/target:add, cookie: 3}, {at: uprobe/target:add, cookie: 4}]
- path: OBJ/order.bpf.o
  rodata: {object: 2}
  maps: {sequence: {shared: true}}
  attach:
    first: "uprobe//proc/self/exe:add"
    third: {at: uretprobe/target:add, cookie: 99}
`, "add", "2")
		once := []uint64{1202, 1103, 1104, 2100, 1301, 2399}
		all := table(t, tr, "sequence")
		var got []uint64
		for i := range all[0] {
			got = append(got, all[i+1])
		}
		if want := slices.Concat(once, once); !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
	})
}

// TestCORE: programs ask what there is, and are answered truly; the context is read through relocated accesses.
func TestCORE(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		tr := trace(t, v, "objects: [{path: OBJ/core.bpf.o}]")
		c := host.Cmd{Args: []string{target(t), "add", "5"}, Dir: host.WorkDir(t), Env: []string{"READY=1"}}
		r := host.Run(t, c, tr)
		wantQuiet(t, tr)
		var add uint64
		if _, err := fmt.Sscanf(r.Stdout, "0x%x", &add); err != nil {
			t.Fatalf("%v: %q", err, r.Stdout)
		}
		g := globals(t, tr, "core", "bss")
		if g["answers"] != 0b11111 || g["ip"] != add || g["first"] != 5 || g["second"] != 10 || g["sum"] != 45 || g["stack"]%16 != 8 {
			t.Errorf("%#x, add is at %#x", g, add)
		}
	})
}

// TestCurrent: the task, numbers in text and a call's registers, by the kernel's helpers and CO-RE.
func TestCurrent(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		tr := trace(t, v, "objects: [{path: OBJ/current.bpf.o}]\nreads: guarded")
		host.Run(t, host.Cmd{Args: []string{target(t), "add", "5"}, Dir: host.WorkDir(t)}, tr)
		wantQuiet(t, tr)
		g := globals(t, tr, "current", "bss")
		if g["wrong"] != 0 || g["tgid"] == 0 || g["parent"] != uint64(os.Getpid()) || g["first"] != 5 || g["second"] != 10 ||
			g["result"] != 15 || g["number"] != 123 {
			t.Errorf("%v, our pid is %d", g, os.Getpid())
		}
	})
}

// TestSpinLock: plain additions by threads, under a lock in the value, are exact.
func TestSpinLock(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		tr := trace(t, v, "objects: [{path: OBJ/spin.bpf.o}]")
		host.Run(t, host.Cmd{Args: []string{target(t), "threads", "8", "20000"}, Dir: host.WorkDir(t)}, tr)
		wantQuiet(t, tr)
		if g := globals(t, tr, "spin", "bss"); g["locked"] != 8*20000 {
			t.Errorf("%d additions, want %d", g["locked"], 8*20000)
		}
	})
}
