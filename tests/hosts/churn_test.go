package hosts

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const churnID = "00112233445566778899aabbccddeeff00112233"

// churnCopies makes PREFIX0 to PREFIXn, each a module of its own: with another build-id, or with none.
func churnCopies(t *testing.T, n int, withID bool) (prefix string) {
	t.Helper()
	name, flag := "libchurn-id.so", "-Wl,--build-id=0x"+churnID
	if !withID {
		name, flag = "libchurn.so", "-Wl,--build-id=none"
	}
	text, err := os.ReadFile(host.Plugin(t, "plugin.c", name, flag))
	if err != nil {
		t.Fatal(err)
	}
	id, _ := hex.DecodeString(churnID)
	at := bytes.Index(text, id)
	if withID == (at < 0) {
		t.Fatalf("%s: build-id at %d", name, at)
	}
	dir := host.WorkDir(t) + "-copies"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if withID {
			binary.LittleEndian.PutUint32(text[at:], uint32(i))
		}
		if err := os.WriteFile(fmt.Sprintf("%s/libchurn.so.%d", dir, i), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir + "/libchurn.so."
}

// look is what the process is at one of its stops.
type look struct {
	maps    int // lines
	changes []host.Span
}

// looks lets the process go on from stop to stop until it ends.
func looks(t testing.TB, p *host.Proc) (out []look) {
	t.Helper()
	for stopped(p.PID) {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.PID))
		if err != nil {
			t.Fatal(err)
		}
		spans, err := host.TextChanges(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, look{bytes.Count(maps, []byte("\n")), spans})
		p.Continue()
	}
	return out
}

// stopped waits until the process has stopped, or is gone.
func stopped(pid int) bool {
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, state, _ := strings.Cut(string(stat), ") ")
		if err != nil || state == "" || state[0] == 'Z' {
			return false
		}
		if state[0] == 'T' {
			return true
		}
		time.Sleep(time.Millisecond)
	}
}

// TestChurn: modules that come and go in four threads, by the hundred, each patched before its constructor runs, and
// nothing of ours is left of those that are gone. All other text is as in the files.
func TestChurn(t *testing.T) {
	victim := host.Victim(t, "churn.c", "-rdynamic", "-pthread", "-ldl")
	tests := []struct {
		name   string
		copies int
		withID bool
		named  bool // by their paths: compiled for at the start
		n      int
		specs  []string
	}{
		{name: "unknown", copies: 160, withID: true, n: host.Scale(30, 2000), specs: []string{"uprobe/libchurn:g", "uretprobe/libchurn:g"}},
		{name: "unknown pattern", copies: 32, withID: true, n: host.Scale(60, 4000), specs: []string{"uprobe.multi/libchurn:g*"}},
		{name: "no build-id", copies: 80, n: host.Scale(40, 1000), specs: []string{"uprobe/libchurn:g"}},
		{name: "known", copies: 100, withID: true, named: true, n: host.Scale(200, 20000), specs: []string{"uprobe/%s%d:g", "uretprobe/%s%d:g"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			prefix := churnCopies(t, test.copies, test.withID)
			specs := test.specs
			if test.named {
				specs = nil
				for i := range test.copies {
					for _, s := range test.specs {
						specs = append(specs, fmt.Sprintf(s, prefix, i))
					}
				}
			}
			const rounds = 4
			var seen []look
			tr := host.Of(specs...)
			_, traced := host.Compare(t, host.Cmd{
				Args: []string{victim, prefix, fmt.Sprint(test.copies), fmt.Sprint(rounds), fmt.Sprint(test.n)}, Dir: host.WorkDir(t),
				Watch: func(t testing.TB, p *host.Proc) { seen = looks(t, p) }, Limit: time.Hour,
				Rules: []host.Rule{host.Rewrite(`calls \d+`, "calls")}, // constructors run as often as it happens
			}, tr)
			if host.Baseline() {
				return
			}
			wantChurnHits(t, tr, specs, len(test.specs), number(t, traced.Stdout, "calls %d\n"))
			if len(seen) != rounds+2 {
				t.Fatalf("%d stops", len(seen))
			}
			wantNothingLeft(t, seen, rounds)
			wantPatched(t, seen[rounds].changes, prefix, test.copies)
		})
	}
}

// wantChurnHits: each probe of a call has counted it, in whichever module it was.
func wantChurnHits(t *testing.T, tr *host.Trace, specs []string, each int, calls uint64) {
	t.Helper()
	sums := make([]uint64, each)
	for i, s := range specs {
		l := tr.Links(t)[s]
		if l.Error != "" || l.Misses != 0 {
			t.Errorf("%s: %+v; log %q", s, l, tr.Log(t))
		}
		sums[i%each] += l.Hits
	}
	for i, sum := range sums {
		if sum != calls {
			t.Errorf("%d hits of %s and the like, want %d; log %q", sum, specs[i], calls, tr.Log(t))
		}
	}
}

// wantNothingLeft: the number of mappings does not grow from round to round, and of all text only the linker's hook is
// changed when no module is loaded.
func wantNothingLeft(t *testing.T, seen []look, rounds int) {
	t.Helper()
	const few = 24 + 2*64 // threads' stacks, the allocator's arenas, and the plans that are kept for a while
	first, last := seen[0].maps, seen[rounds+1].maps
	if last > first+few {
		t.Errorf("%d mappings after the first round, %d at the end", first, last)
	}
	for i, l := range seen {
		if i != rounds && len(l.changes) != 1 {
			t.Errorf("stop %d: %d changes of text, want that of the dynamic linker: %v", i, len(l.changes), l.changes)
		}
	}
}

// wantPatched: with all copies loaded g of each is patched, five bytes with a jump first, and nothing else.
func wantPatched(t *testing.T, spans []host.Span, prefix string, copies int) {
	t.Helper()
	f, err := elfsym.Open(prefix + "0")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := f.Lookup("g")
	if err != nil {
		t.Fatal(err)
	}
	patched := map[string]bool{}
	for _, s := range spans {
		at := s.Offset - g[0].Value
		switch {
		case !strings.HasPrefix(s.File, prefix):
		case at > 4 || len(s.Memory) > 16 || s.Memory[0] != 0xe9 && at == 0, patched[s.File]:
			t.Errorf("%v: g is at %#x", s, g[0].Value)
		default:
			patched[s.File] = true
		}
	}
	if len(patched) != copies || len(spans) != copies+1 {
		t.Errorf("%d of %d copies are patched, %d changes of text in all", len(patched), copies, len(spans))
	}
}
