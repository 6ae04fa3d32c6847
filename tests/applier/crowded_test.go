package applier

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestCrowded runs a program around whose text 3 GiB on each side are taken, but for a hole: its probe lies in the
// hole if that is big enough and in reach, and else the program is left alone, with a line that says so.
func TestCrowded(t *testing.T) {
	needsAgent(t)
	const arena = page // of the one probe
	tests := []struct {
		name    string
		lo, hi  int64 // of the hole, from the start of the text
		patched bool
	}{
		{"full", 0, 0, false},
		{"hole below", -gib, -gib + mib, true},
		{"hole above", gib, gib + mib, true},
		{"hole of just the size", -gib, -gib + arena + 2*page, true},
		{"hole a page too small", -gib, -gib + arena + page, false},
		{"hole out of reach below", -2*gib - 2*mib, -2*gib - mib, false},
		{"hole out of reach above", 2*gib + mib, 2*gib + 2*mib, false},
	}
	crowded := host.Plugin(t, "../applier/testdata/crowded.c", "crowded.so")
	guest := host.Build(t, "gcc", "crowded", "-Wl,--no-as-needed", "guest.c", crowded)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := "uprobe/" + guest + ":f"
			tr := host.Of(spec)
			var maps []procmaps.Mapping
			c := host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t), Stdin: host.Held, Env: []string{fmt.Sprintf("CROWDED=%d %d", test.lo, test.hi)}}
			c.Watch = func(t testing.TB, p *host.Proc) {
				p.Await("ready\n")
				maps = readMaps(t, p.PID)
			}
			host.Compare(t, c, tr)
			if l := tr.Links(t)[spec]; test.patched && l.Hits != 100 || !test.patched && l.Sites+uint32(l.Hits) > 0 {
				t.Errorf("%d sites, %d hits; log %q", l.Sites, l.Hits, tr.Log(t))
			}
			if at := arenas(maps); test.patched && (len(at) != 1 || at[0] < test.lo || at[0]+arena > test.hi) || !test.patched && len(at) > 0 {
				t.Errorf("arenas at %#x from the text, the hole is %#x-%#x", at, test.lo, test.hi)
			}
			if log := strings.Join(tr.Log(t), "\n"); !test.patched && !strings.Contains(log, "no memory within 2 GiB") {
				t.Errorf("log %q does not say why", log)
			}
		})
	}
}

func readMaps(t testing.TB, pid int) []procmaps.Mapping {
	t.Helper()
	maps, err := procmaps.Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	return maps
}

// arenas lists the anonymous executable mappings, by their distance from the program's text.
func arenas(maps []procmaps.Mapping) (list []int64) {
	text := uint64(0)
	for _, m := range maps {
		if text == 0 && m.Exec && strings.HasPrefix(m.Path, "/") {
			text = m.Lo
		}
	}
	for _, m := range maps {
		if m.Exec && (m.Path == "" || strings.HasPrefix(m.Path, "[anon:")) {
			list = append(list, int64(m.Lo-text))
		}
	}
	return list
}
