package objects

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestQueueMaps: a queue that is full, a stack whose oldest go, a filter; all emptied at the last call.
func TestQueueMaps(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const n = 20
		c := host.Cmd{Args: []string{target(t), "add", "20"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, "objects: [{path: OBJ/queues.bpf.o, attach: {on_add: \"uprobe/TARGET:add\"}}]"))
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		wantCounts(t, tr, "queues", map[string]uint64{
			"pushed": 4, "full": n - 4, "oldest": n, "newest": n * (n + 1) / 2, "flags": n, "again": n, "popped": 120021903180417, "gone": 4,
		})
	})
}
