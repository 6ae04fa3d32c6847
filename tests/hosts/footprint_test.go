package hosts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
	"github.com/google/go-cmp/cmp"
)

// TestFootprint looks at a program that sleeps with the agent in it: no thread, no child, no descriptor, no page that
// is writable and executable, no other change of text than the two jumps, and at most 2 MB of memory.
func TestFootprint(t *testing.T) {
	guest := host.Victim(t, "guest.c")
	host.ForUsers(t, func(t *testing.T, u *host.User) {
		tr := host.Of("uprobe/libc:malloc", "uretprobe/"+guest+":f")
		var states []host.State
		var changes [][]host.Span
		var resident []int
		c := host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t), User: u, Stdin: host.Held}
		c.Watch = func(t testing.TB, p *host.Proc) {
			p.Await("ready\n")
			resident = append(resident, host.Resident(t, p.PID)) // first: to read text is to make it resident
			state, err := host.Inspect("asleep", p.PID)
			if err != nil {
				t.Fatal(err)
			}
			spans, err := host.TextChanges(p.PID)
			if err != nil {
				t.Fatal(err)
			}
			states, changes = append(states, state), append(changes, spans)
		}
		host.Compare(t, c, tr)
		if diff := cmp.Diff(states[0], states[1]); diff != "" {
			t.Errorf("traced (+) and plain (-):\n%s", diff)
		}
		t.Logf("resident: plain %d KB, traced %d KB; text: %v", resident[0], resident[1], changes[1])
		if more := resident[1] - resident[0]; more > 2048 {
			t.Errorf("the agent takes %d KB of resident memory, at most 2048 are allowed", more)
		}
		if !host.Baseline() && len(changes[1]) != 2 {
			t.Errorf("%d places of text changed, want 2: %v", len(changes[1]), changes[1])
		}
	})
}

// TestUnreadable: a program that may be executed and not read. Its own functions cannot be found, libc's can.
func TestUnreadable(t *testing.T) {
	host.RequireRoot(t)
	dir := host.WorkDir(t)
	program := filepath.Join(filepath.Dir(dir), "unreadable")
	copyFile(t, host.Victim(t, "guest.c"), program, 0o711)
	tr := host.Of("uprobe/libc:malloc", "uprobe/"+program+":f")
	host.Compare(t, host.Cmd{Args: []string{program}, Dir: dir, User: host.Nobody}, tr)
}

// TestWritableText: a program whose text is mapped writable is left alone, with a reason.
func TestWritableText(t *testing.T) {
	program := host.Victim(t, "writable.c", "-Wl,--no-warn-rwx-segments")
	spec := "uprobe/" + program + ":f"
	tr := host.Of(spec)
	host.Compare(t, host.Cmd{Args: []string{program}, Dir: host.WorkDir(t)}, tr)
	if host.Baseline() {
		return
	}
	if l := tr.Links(t)[spec]; l.Hits != 0 || l.Sites != 0 {
		t.Errorf("link %+v; want no site", l)
	}
	if reasons := fmt.Sprint(tr.Log(t), tr.Links(t)[spec].Error); !strings.Contains(reasons, "rwx") {
		t.Errorf("no reason why it was refused: %s", reasons)
	}
}

// TestDeleted: the program's file is gone, or another one, when the agent looks for its symbols.
func TestDeleted(t *testing.T) {
	guest := host.Victim(t, "guest.c")
	for name, script := range map[string]string{
		"removed":  `exec 3< program; rm program; exec /proc/self/fd/3`,
		"replaced": `exec 3< program; rm program; cp /bin/true program; exec /proc/self/fd/3`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := host.WorkDir(t)
			tr := host.Of("uprobe/"+filepath.Join(dir, "program")+":f", "uprobe//proc/self/exe:f", "uprobe/libc:malloc")
			host.Compare(t, host.Cmd{
				Args: []string{"sh", "-c", script}, Dir: dir,
				Setup: func(t testing.TB, dir string) { copyFile(t, guest, filepath.Join(dir, "program"), 0o755) },
			}, tr)
		})
	}
}

// TestSelf: /proc/self/exe names whatever program runs.
func TestSelf(t *testing.T) {
	guest := host.Victim(t, "guest.c")
	for _, spec := range []string{"uprobe//proc/self/exe:f", "uprobe/guest:f", "uretprobe/guest:f"} {
		t.Run(strings.ReplaceAll(spec, "/", "_"), func(t *testing.T) {
			tr := host.Of(spec)
			host.Compare(t, host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t)}, tr)
			tr.WantHits(t, spec, 100)
		})
	}
}

func copyFile(t testing.TB, from, to string, mode os.FileMode) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, mode); err != nil {
		t.Fatal(err)
	}
}
