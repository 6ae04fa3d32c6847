package objects

import (
	"encoding/binary"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// arenaOf opens the arena of a session.
func arenaOf(t *testing.T, tr *host.Trace) *maps.Map {
	t.Helper()
	m := opened(t, tr, "arena.arena")
	if m.Spec().Type != maps.Arena {
		t.Fatalf("it is %v", m.Spec())
	}
	return m
}

// word reads 8 bytes at an address as programs wrote it.
func word(t *testing.T, m *maps.Map, addr uint64) uint64 {
	t.Helper()
	b, err := m.Resolve(addr, 8)
	if err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(b)
}

const arenaManifest = `
objects:
- path: OBJ/arena.bpf.o
  attach: {push: "uprobe/TARGET:add", sum: "uprobe/TARGET:add", follow: "uprobe/TARGET:add", pages: "uprobe/TARGET:add"}
`

// TestArena: what programs built of addresses, in two processes one after the other, is a list for who reads it
// later. What they followed that is no address of the arena was zero, and the host runs on; pages that they took and
// gave back are free.
func TestArena(t *testing.T) {
	const calls, runs = 400, 2
	forVariants(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{target(t), "add", "400"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, arenaManifest))
		for range runs {
			host.Compare(t, c, tr)
		}
		wantCounts(t, tr, "arena", map[string]uint64{"full": 0, "followed": runs * calls, "wild": 0, "bad": 0, "there": runs * calls, "total": runs * calls * (calls + 1) / 2})
		if n := globals(t, tr, "arena", "bss")["rounds"]; n < runs*(1<<23-runs*calls) || n > runs<<23 {
			t.Errorf("loops ended after %d rounds in all", n)
		}
		m := arenaOf(t, tr)
		// The two variables, in whatever order.
		start := m.Spec().Start
		pushed, head := word(t, m, start), word(t, m, start+8)
		if head < start {
			pushed, head = head, pushed
		}
		if pushed != 100+runs*calls {
			t.Errorf("pushed is %d", pushed)
		}
		n := uint64(0)
		for addr := head; addr != 0 && n <= runs*calls; n++ {
			if value, square := word(t, m, addr+8), word(t, m, addr+16); square != value*value || value != calls-n%calls {
				t.Fatalf("node %d at %#x: %d and %d", n, addr, value, square)
			}
			addr = word(t, m, addr)
		}
		if n != runs*calls {
			t.Errorf("%d nodes, want %d", n, runs*calls)
		}
		if used := m.PagesUsed(); used != 1+(runs*calls+169)/170 {
			t.Errorf("%d pages are used", used)
		}
	})
}
