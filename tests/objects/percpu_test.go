package objects

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestPerCPUSums: what 48 threads counted in values of their own is all there when a program adds up the CPUs, of which
// there are fewer: numbers of each size by themselves.
func TestPerCPUSums(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const threads, calls = 48, 300
		const n = threads * calls
		cpus := uint64(maps.PossibleCPUs())
		tr := onTarget(t, v, fmt.Sprintf(`
objects:
- path: OBJ/percpu.bpf.o
  attach: {on_add: "uprobe/TARGET:add", at_end: "uprobe/libc:printf"}
  rodata: {nr_cpus: %d}
`, cpus), "threads", fmt.Sprint(threads), fmt.Sprint(calls))
		wantCounts(t, tr, "percpu", map[string]uint64{
			"sum": n, "untouched": 0, "lru_sum": 2 * n, "big": n, "low": n * 0x10000001 & 0xffffffff, "down": 1<<64 - n, "small": 3 * n & 0xff,
			"cpus": cpus, "beyond": 1, "absent": cpus, "wrong_index": cpus, "named": 1, "kept_both": 1,
		})
	})
}

// TestPerCPURefused: a program that would write to a sum is refused, and so are values for which there is no room.
func TestPerCPURefused(t *testing.T) {
	tr := trace(t, anyVariant(t), "objects: [{path: OBJ/percpu.bpf.o, attach: {resets: uprobe/TARGET:greet, too_large: uprobe/TARGET:work}}]")
	host.Run(t, host.Cmd{Args: []string{target(t), "greet", "3"}, Dir: host.WorkDir(t)}, tr)
	log := strings.Join(tr.Log(t), "\n")
	for _, want := range []string{
		"writes to what bpf_map_lookup_percpu_elem returned, which is a sum: a program writes its own value only",
		"values of larges have 4104 bytes; at most 4096 are added up",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log: %s", want, log)
		}
	}
}
