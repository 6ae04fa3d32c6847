package laws

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestMappings lists what the agent adds to a process's mappings: its own file, the session, an arena, and what is
// private; no map, since this program has none. Nothing of the compiler is left, no plan of its size, no handoff, no memfd.
func TestMappings(t *testing.T) {
	watchGuest(t, kinds[0], func(t testing.TB, p *host.Proc) {
		maps, err := procmaps.Read(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, m := range maps {
			kind := kindOf(m, host.Agent(t))
			count[kind]++
			if kind == "anonymous" && m.Len() >= abi.HANDOFF_SIZE/2 && !strings.HasPrefix(m.Path, "[") {
				t.Errorf("%v KiB at %#x: the handoff, or memory of Go", m.Len()>>10, m.Lo)
			}
			if m.Write && m.Exec {
				t.Errorf("%+v", m)
			}
		}
		t.Logf("%v", count)
		for kind := range count {
			if strings.HasPrefix(kind, "maps/") || strings.HasPrefix(kind, "arena that") {
				t.Errorf("%d mappings %q", count[kind], kind)
			}
		}
		for kind, want := range map[string]int{"session": 1, "arena": 1, "memfd": 0, "other shared": 0} {
			if count[kind] != want {
				t.Errorf("%d mappings %q, want %d", count[kind], kind, want)
			}
		}
	})
}

// kindOf names a mapping by what the agent would have it for.
func kindOf(m procmaps.Mapping, agent string) string {
	name := filepath.Base(m.Path)
	perms := fmt.Sprintf("%t %t %t", m.Read, m.Write, m.Exec)
	switch {
	case m.Path == agent:
		return "agent"
	case strings.Contains(m.Path, "memfd:"):
		return "memfd"
	case m.Shared && name == "session":
		return "session"
	case m.Shared && m.Inode != 0:
		return filepath.Base(filepath.Dir(m.Path)) + "/" + name
	case m.Shared:
		return "other shared"
	case m.Inode == 0 && m.Exec && !strings.HasPrefix(m.Path, "[v"):
		if perms != "true false true" {
			return "arena that is " + perms
		}
		return "arena"
	case m.Inode == 0:
		return "anonymous"
	}
	return "host"
}
