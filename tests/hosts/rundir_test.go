package hosts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
	"golang.org/x/sys/unix"
)

// badRunDir is a place where a session cannot be made.
type badRunDir struct {
	name string
	root bool
	user *host.User
	make func(t *testing.T, dir string) // dir exists and is empty
}

var badRunDirs = []badRunDir{
	{name: "full tmpfs", root: true, make: fullTmpfs("size=64k", true)},
	{name: "tmpfs of 64K", root: true, make: fullTmpfs("size=64k", false)},
	{name: "tmpfs without inodes", root: true, make: fullTmpfs("nr_inodes=2", true)},
	{name: "read-only tmpfs", root: true, make: fullTmpfs("size=1m,ro", false)},
	{name: "unwritable", root: true, user: host.Nobody, make: func(t *testing.T, dir string) { change(t, dir, 0o555, 0) }},
	{name: "unreachable", root: true, user: host.Nobody, make: func(t *testing.T, dir string) { change(t, dir, 0, 0) }},
	{name: "session of another user", root: true, make: func(t *testing.T, dir string) {
		session := filepath.Join(dir, "default")
		makeDir(t, session)
		change(t, session, 0o777, 65534)
	}},
	{name: "session is a link", make: func(t *testing.T, dir string) {
		other := filepath.Join(dir, "other")
		makeDir(t, other)
		link(t, other, filepath.Join(dir, "default"))
	}},
	{name: "session is a file", make: func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "default"), "") }},
	{name: "session file is garbage", make: func(t *testing.T, dir string) { garbage(t, dir, strings.Repeat("\xff", 1<<16)) }},
	{name: "session file is empty", make: func(t *testing.T, dir string) { garbage(t, dir, "") }},
	{name: "session file is a directory", make: func(t *testing.T, dir string) {
		makeDir(t, filepath.Join(dir, "default"))
		makeDir(t, filepath.Join(dir, "default", "session"))
	}},
	{name: "absent", make: func(t *testing.T, dir string) {
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, "a file")
	}},
}

// TestRunDir: what cannot be written is an error that is located and leaves the program unpatched, never a SIGBUS.
func TestRunDir(t *testing.T) {
	guest := host.Victim(t, "guest.c")
	for _, bad := range badRunDirs {
		t.Run(bad.name, func(t *testing.T) {
			if bad.root {
				host.RequireRoot(t)
			}
			t.Run("continue", func(t *testing.T) { bad.carriesOn(t, guest) })
			t.Run("abort", func(t *testing.T) { bad.aborts(t, guest) })
		})
	}
}

func (b badRunDir) trace(t *testing.T, c host.Cmd, guest string) *host.Trace {
	t.Helper()
	dir := filepath.Join(filepath.Dir(c.Dir), "bad")
	makeDir(t, dir)
	b.make(t, dir)
	tr := host.Of("uprobe/"+guest+":f", "uprobe/libc:malloc")
	tr.RunDir = dir
	return tr
}

func (b badRunDir) carriesOn(t *testing.T, guest string) {
	c := host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t), User: b.user, Stdin: host.Held}
	tr := b.trace(t, c, guest)
	c.Watch = func(t testing.TB, p *host.Proc) {
		p.Await("ready\n")
		changes, err := host.TextChanges(p.PID)
		if err != nil || len(changes) > 0 {
			t.Errorf("text changed without a session: %v %v", changes, err)
		}
	}
	host.Compare(t, c, tr)
}

func (b badRunDir) aborts(t *testing.T, guest string) {
	if host.Baseline() {
		return
	}
	c := host.Cmd{Args: []string{guest}, Dir: host.WorkDir(t), User: b.user}
	tr := b.trace(t, c, guest)
	tr.Abort = true
	got := host.Run(t, c, tr)
	if got.Exit != 125 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 || !strings.Contains(got.Stderr, tr.RunDir) {
		t.Errorf("exit %d signal %v stdout %q stderr %q; want 125 and one line that names %s",
			got.Exit, got.Signal, got.Stdout, got.Stderr, tr.RunDir)
	}
}

func fullTmpfs(options string, fill bool) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, strings.TrimSuffix(options, ",ro")); err != nil {
			t.Skipf("cannot mount a tmpfs here: %v", err)
		}
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		for i := 0; fill; i++ {
			name := filepath.Join(dir, fmt.Sprint("filler", i))
			if os.WriteFile(name, make([]byte, 4096), 0o600) != nil {
				return
			}
		}
		if strings.HasSuffix(options, ",ro") {
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func change(t *testing.T, path string, mode os.FileMode, owner int) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, owner, owner); err != nil {
		t.Fatal(err)
	}
}

func makeDir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func garbage(t *testing.T, dir, text string) {
	t.Helper()
	makeDir(t, filepath.Join(dir, "default"))
	writeFile(t, filepath.Join(dir, "default", "session"), text)
}
