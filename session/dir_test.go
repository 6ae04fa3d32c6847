package session_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/session"
)

// TestMakeDir: all three directories are for the user alone, also when they are
// there already.
func TestMakeDir(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	for range 2 {
		dir, err := session.MakeDir(run, "web")
		if err != nil || dir != filepath.Join(run, "web") {
			t.Fatalf("%q, %v", dir, err)
		}
		for _, d := range []string{run, dir, filepath.Join(dir, "maps")} {
			if info, err := os.Lstat(d); err != nil || info.Mode() != os.ModeDir|0o700 {
				t.Errorf("%s: %v, %v", d, info.Mode(), err)
			}
		}
	}
}

// TestMakeDirRefuses: each of the three as somebody else might have left it. PATH
// stands for it.
func TestMakeDirRefuses(t *testing.T) {
	const notOwned = "session: not a directory of this user alone: PATH: set BPFTIME_RUNDIR to a directory of your own, mode 0700"
	for name, make := range map[string]func(path string) error{
		"group may write":  func(path string) error { return mkdir(path, 0o770) },
		"others may write": func(path string) error { return mkdir(path, 0o702) },
		"file":             func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"symbolic link":    func(path string) error { return os.Symlink(os.TempDir(), path) },
		"dangling link":    func(path string) error { return os.Symlink("nowhere", path) },
		"foreign":          foreign,
	} {
		for _, part := range []string{"", "web", "web/maps"} {
			t.Run(name+" "+part, func(t *testing.T) {
				run := filepath.Join(t.TempDir(), "run")
				path := filepath.Join(run, part)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := make(path); err != nil {
					t.Fatal(err)
				}
				dir, err := session.MakeDir(run, "web")
				if err == nil || !errors.Is(err, session.ErrNotOwned) {
					t.Fatalf("%q, error %v", dir, err)
				}
				if got := strings.ReplaceAll(err.Error(), path, "PATH"); got != notOwned {
					t.Errorf("error %s\nwant  %s", got, notOwned)
				}
			})
		}
	}
}

// mkdir sets the mode whatever the umask is.
func mkdir(path string, mode os.FileMode) error {
	if err := os.Mkdir(path, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// foreign makes a directory of another user; who cannot is given a link to root's.
func foreign(path string) error {
	if os.Geteuid() != 0 {
		return os.Symlink("/usr", path)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return os.Chown(path, 12345, 12345)
}

// TestMakeDirForeignRoot: a run directory that belongs to another user and that this
// one cannot change.
func TestMakeDirForeignRoot(t *testing.T) {
	run := "/usr"
	if os.Geteuid() == 0 {
		run = t.TempDir()
		if err := os.Chown(run, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	want := "session: not a directory of this user alone: " + run + ": set BPFTIME_RUNDIR to a directory of your own, mode 0700"
	if _, err := session.MakeDir(run, "web"); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

// TestMakeDirNowhere: only the run directory itself is made, not what it lies in.
func TestMakeDirNowhere(t *testing.T) {
	run := filepath.Join(t.TempDir(), "none", "run")
	want := "session: mkdir " + run + ": no such file or directory"
	if _, err := session.MakeDir(run, "web"); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}
