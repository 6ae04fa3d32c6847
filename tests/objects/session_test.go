package objects

import (
	"maps"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestSession: a program at the entry and at the return of one call keeps a cookie in between, and runs at the return only
// if it wants that; beside another session, other programs and threads.
func TestSession(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const threads, calls = 3, 300
		const n, kept = threads * calls, threads * calls * 2 / 3
		tr := onTarget(t, v, `
objects:
- path: OBJ/session.bpf.o
  attach:
    on_add: {at: "uprobe.session/TARGET:add", cookie: 5}
    also: "uprobe.session/TARGET:ad?"
- {gadget: funccount, args: [uretprobe/target:add, uprobe/target:add]}
`, "threads", "3", "300")
		sum := uint64(0)
		for i := range uint64(calls + 1) {
			if i%3 != 0 {
				sum += threads * 3 * i
			}
		}
		want := map[string]uint64{"entries": n, "returns": kept, "skipped": n - kept, "fresh": n, "kept": kept, "sums": sum, "cookies": 5 * kept, "others": 7 * n}
		if got := globals(t, tr, "session", "bss"); !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
		tr.WantHits(t, "uretprobe/target:add", n)
		tr.WantHits(t, "uprobe/target:add", n)
	})
}

// TestNoSession: what asks about its session and has none is refused by name.
func TestNoSession(t *testing.T) {
	tr := trace(t, anyVariant(t), "objects: [{path: OBJ/session.bpf.o, attach: {none: uprobe/target:add, on_add: uretprobe/target:add}}]")
	host.Run(t, host.Cmd{Args: []string{target(t), "add", "3"}, Dir: host.WorkDir(t)}, tr)
	for name, l := range tr.Links(t) {
		if !strings.Contains(l.Error, "only uprobe.session programs have a session: bpf_session_is_return or _cookie (insn ") || !strings.Contains(l.Error, "session.bpf.c:") {
			t.Errorf("%s: %q", name, l.Error)
		}
	}
}
