package hosts

import (
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// detours are the functions of detours.S and how each gets its jump.
var detours = map[string]string{"shorts": "short", "evicts": "evict", "evicts_next": "evict", "makes_room": "jump", "puns": "pun", "puns_too": "pun"}

// TestDetours: functions that cannot hold a jump are called from several threads, alone and all at once; results and
// counts are right, of whoever makes room for another too.
func TestDetours(t *testing.T) {
	victim := host.Victim(t, "detours.c", "detours.S", "-pthread")
	all := []string{}
	for name, tactic := range detours {
		entry, ret := "uprobe/"+victim+":"+name, "uretprobe/"+victim+":"+name
		all = append(all, entry, ret)
		t.Run(name, func(t *testing.T) { runDetours(t, victim, map[string]string{entry: tactic}, entry, ret) })
	}
	want := map[string]string{}
	for name, tactic := range detours {
		want["uprobe/"+victim+":"+name] = tactic
	}
	t.Run("all", func(t *testing.T) { runDetours(t, victim, want, all...) })
}

func runDetours(t *testing.T, victim string, tactics map[string]string, specs ...string) {
	const threads, rounds = 4, 2000
	tr := host.Of(specs...)
	host.Compare(t, host.Cmd{Args: []string{victim, fmt.Sprint(threads), fmt.Sprint(rounds)}, Dir: host.WorkDir(t)}, tr)
	links := tr.Links(t)
	for _, spec := range specs {
		tr.WantHits(t, spec, threads*rounds)
		if want := tactics[spec]; want != "" && links != nil && links[spec].Tactic != want {
			t.Errorf("%s: tactic %q, want %s", spec, links[spec].Tactic, want)
		}
	}
}
