package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEnvFrom(t *testing.T) {
	got := EnvFrom(func(name string) string { return "<" + name + ">" })
	want := Env{"<BPFTIME_MANIFEST>", "<BPFTIME_SESSION>", "<BPFTIME_RUNDIR>", "<XDG_RUNTIME_DIR>", "<BPFTIME_LOG>"}
	if got != want {
		t.Errorf("%+v", got)
	}
}

func TestSessionName(t *testing.T) {
	web := &Manifest{Session: "web"}
	for _, c := range []struct {
		env  Env
		m    *Manifest
		want string
	}{
		{Env{}, nil, "default"},
		{Env{}, &Manifest{}, "default"},
		{Env{}, web, "web"},
		{Env{Session: "mine"}, web, "mine"},
		{Env{Session: "mine"}, nil, "mine"},
	} {
		if got, err := c.env.SessionName(c.m); got != c.want || err != nil {
			t.Errorf("%+v, %+v: %q, %v, want %q", c.env, c.m, got, err, c.want)
		}
	}
	_, err := Env{Session: "../../etc"}.SessionName(web)
	const want = `BPFTIME_SESSION: "../../etc" is no name for a session; a session is named by 1 to 64 letters, digits, '.', '_' and '-', and not by a '.' first`
	if err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestRunDirPath(t *testing.T) {
	mine := func(path string) bool { return path == "/run/user/1000" }
	for _, c := range []struct {
		env  Env
		want string
	}{
		{Env{}, "/dev/shm/bpftime-1000"},
		{Env{XDGRuntimeDir: "/run/user/1000"}, "/run/user/1000/bpftime"},
		{Env{XDGRuntimeDir: "/run/user/0"}, "/dev/shm/bpftime-1000"}, // another user's, as after sudo
		{Env{XDGRuntimeDir: "run"}, "/dev/shm/bpftime-1000"},         // must be absolute, or be ignored (XDG base directory specification)
		{Env{RunDir: "/tmp/x/", XDGRuntimeDir: "/run/user/1000"}, "/tmp/x"},
	} {
		if got, err := c.env.RunDirPath(1000, mine); got != c.want || err != nil {
			t.Errorf("%+v: %q, %v, want %q", c.env, got, err, c.want)
		}
	}
	_, err := Env{RunDir: "run"}.RunDirPath(1000, mine)
	if want := `BPFTIME_RUNDIR: the path "run" is relative, and processes change their directory; write it from the root`; err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestLogLevel(t *testing.T) {
	for text, want := range map[string]Level{"": LogWarn, "off": LogOff, "error": LogError, "warn": LogWarn, "info": LogInfo, "debug": LogDebug} {
		got, err := Env{Log: text}.LogLevel()
		if got != want || err != nil || text != "" && got.String() != text {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	got, err := Env{Log: "warning"}.LogLevel()
	if want := `BPFTIME_LOG: unknown level "warning"; known: off, error, warn, info, debug`; got != LogWarn || err == nil || err.Error() != want {
		t.Errorf("%v, says %v\nwant %s", got, err, want)
	}
}

func TestLoadNothing(t *testing.T) {
	if m, err := (Env{}).Load(); m != nil || err != ErrNoManifest {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestLoadInline(t *testing.T) {
	t.Chdir("/usr/lib")
	m, err := Env{Manifest: `{objects: [{path: a.bpf.o}]}`}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if m.Objects[0].Path != "/usr/lib/a.bpf.o" || m.Name != "BPFTIME_MANIFEST" || m.Dir != "/usr/lib" {
		t.Errorf("%+v", m)
	}
	_, err = Env{Manifest: `{objects: [{path: a.bpf.o, atach: {}}]}`}.Load()
	if want := `BPFTIME_MANIFEST:1:28: unknown key "atach"; did you mean "attach"?`; err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestLoadRelative(t *testing.T) {
	t.Chdir("/usr/lib")
	_, err := Env{Manifest: "trace.yaml"}.Load()
	const want = `BPFTIME_MANIFEST: the path "trace.yaml" is relative, and children change their directory; write it from the root: /usr/lib/trace.yaml`
	if err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "trace.yaml")
	long := "objects: [{path: a.bpf.o}] #" + strings.Repeat("x", 20000) // more than one read
	if err := os.WriteFile(file, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Env{Manifest: file}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if m.Objects[0].Path != filepath.Join(dir, "a.bpf.o") || m.Name != file || m.Dir != dir {
		t.Errorf("%+v", m)
	}
}

func TestLoadBadFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "trace.yaml")
	if err := os.WriteFile(file, []byte("objects: []"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Env{Manifest: file}.Load()
	want := file + ":1:10: objects: the list is empty; write objects: and a list, each with path: FILE.bpf.o or gadget: NAME"
	if err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestLoadMissingFile(t *testing.T) {
	_, err := Env{Manifest: "/nonexistent/trace.yaml"}.Load()
	if want := "BPFTIME_MANIFEST: cannot open /nonexistent/trace.yaml: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

// What is no regular file must be refused at once: reading a FIFO would hold up the start of the process for ever.
func TestLoadIrregularFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{fifo, dir, "/dev/zero"} {
		done := make(chan error, 1)
		go func() {
			_, err := Env{Manifest: file}.Load()
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), file+" is no regular file") {
				t.Errorf("%s: %v", file, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: still reading", file)
		}
	}
}

func TestLoadLargeFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace.yaml")
	if err := os.WriteFile(file, make([]byte, MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Env{Manifest: file}.Load()
	if want := fmt.Sprintf("BPFTIME_MANIFEST: %s has 1048577 bytes, more than the 1048576 of the largest manifest", file); err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}
