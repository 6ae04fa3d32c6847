package objects

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const wrongmap = `
objects:
- path: OBJ/wrongmap.bpf.o
  attach:
    with_array: "uprobe/TARGET:add"
    with_parray: "uprobe/TARGET:add"
    with_table: "uprobe/TARGET:add"
    with_phash: "uprobe/TARGET:add"
    with_lru: "uprobe/TARGET:add"
    with_trie: "uprobe/TARGET:add"
    with_fifo: "uprobe/TARGET:add"
    with_lifo: "uprobe/TARGET:add"
    with_bloom: "uprobe/TARGET:add"
    with_progs: "uprobe/TARGET:add"
    with_ring: "uprobe/TARGET:add"
    with_perf: "uprobe/TARGET:add"
    with_traces: "uprobe/TARGET:add"
    with_user: "uprobe/TARGET:add"
`

// TestWrongMaps: a helper that is given a map of another type than its own says so, and the host runs on.
func TestWrongMaps(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{target(t), "add", "200"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, wrongmap))
		host.Compare(t, c, tr)
		wantCounts(t, tr, "wrongmap", map[string]uint64{"done": 14 * 200})
	})
}
