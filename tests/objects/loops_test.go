package objects

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestLoops: what helpers call back calls helpers, which find their context, and its own loops.
func TestLoops(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const n = 20
		c := host.Cmd{Args: []string{target(t), "add", "20"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, `
objects:
- path: OBJ/loops.bpf.o
  attach: {many: "uprobe/TARGET:add", asks: {at: "uprobe/TARGET:add", cookie: 9}}
`))
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		wantCounts(t, tr, "loops", map[string]uint64{
			"runs": n, "filled": 20 * n, "visited": 20 * n, "total": (190 + 2190) * n, "few": 3 * n, "stopped": 15 * n, "too_many": n,
			"flags": n, "loops": 0, "nested": (87*1000 + 1) * n, "owns": 4 * n, "cookies": 5 * n,
		})
	})
}
