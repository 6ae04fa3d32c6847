package session_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/session"
)

// writer is testdata/write.c, compiled once.
var writer string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "session")
	if err == nil {
		writer = filepath.Join(dir, "write")
		var out []byte
		out, err = exec.Command("gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-I../internal/abi", "-o", writer, "testdata/write.c").CombinedOutput()
		os.Stderr.Write(out)
	}
	code := 1
	if err == nil {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// filled is the directory of a session that C has written.
func filled(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command(writer, "fill", filepath.Join(dir, session.FileName)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func open(t testing.TB, dir string) *session.Session {
	t.Helper()
	s, err := session.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestReads: what C writes through its structures is what Go reads.
func TestReads(t *testing.T) {
	dir := filled(t)
	s := open(t, dir)
	if s.Dir() != dir || s.Name() != filepath.Base(dir) {
		t.Errorf("%s in %s", s.Name(), s.Dir())
	}
	links := []session.Link{
		{Object: "funccount", Name: "uprobe/libc:malloc", Kind: abi.LINK_ENTRY, Hits: 321, Misses: 7, Sites: 2, Tactic: "jump+return-a"},
		{Object: "alone", Refused: 3, Error: "it is ? data"},
		{Object: "nnnnn", Name: strings.Repeat("n", 218), Kind: abi.LINK_RETURN, Hits: 5, Misses: 1<<64 - 1, Error: strings.Repeat("w", 128)},
	}
	if got := s.Links(); !reflect.DeepEqual(got, links) {
		t.Errorf("links\n%+v\nwant\n%+v", got, links)
	}
	processes := []session.Process{
		{PID: 10, Start: 11, PIDNS: 12, UID: 13, Comm: "server", Exe: "/bin/server"},
		{PID: 1<<32 - 1, UID: 1<<32 - 1, Forked: true, Comm: strings.Repeat("c", 16), Exe: strings.Repeat("e", 192)},
	}
	if got := s.Processes(); !reflect.DeepEqual(got, processes) {
		t.Errorf("processes\n%+v\nwant\n%+v", got, processes)
	}
	at := time.Unix(1700000000, 123456789)
	records := []session.Record{
		{Time: at, PID: 42, Level: "warn", Text: "first"},
		{Time: at, PID: 42, Level: "debug", Text: "new? le"},
		{Time: at, PID: 42, Level: "error", Text: "longer than it can be" + strings.Repeat("\x00", 480-21)},
		{Time: at, PID: 42, Level: "off"},
	}
	if got := s.Records(); !reflect.DeepEqual(got, records) {
		t.Errorf("records\n%+v\nwant\n%+v", got, records)
	}
	if got := s.Log(); len(got) != 4 || !strings.HasSuffix(got[0], ".123 [42] warn: first") {
		t.Errorf("log %q", got)
	}
}

func TestRecordString(t *testing.T) {
	r := session.Record{Time: time.Date(2024, 2, 3, 4, 5, 6, 7_800_000, time.UTC), PID: 9, Level: "warn", Text: "no room"}
	if got, want := r.String(), "2024-02-03 04:05:06.007 [9] warn: no room"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTacticName(t *testing.T) {
	for set, want := range map[uint32]string{
		0: "", abi.TACTIC_JUMP: "jump", abi.TACTIC_PADDING: "padding", abi.TACTIC_RETURN_A: "return-a", abi.TACTIC_RETURN_B: "return-b",
		abi.TACTIC_RETURN_C | abi.TACTIC_JUMP: "jump+return-c", 1<<32 - 1: "jump+padding+short+evict+pun+trap+return-a+return-b+return-c+return-d", 1 << 31: "",
	} {
		if got := session.TacticName(set); got != want {
			t.Errorf("%#x is %q, want %q", set, got, want)
		}
	}
}

// TestLogHead: whatever stands in the header, no more is read than there is.
func TestLogHead(t *testing.T) {
	for head, want := range map[uint64]int{0: 0, 1: 1, 4: 2, 6: 4, 7: 5, 256: 5, 257: 4, 1000: 0, 1<<64 - 1: 0, 1 << 63: 0} {
		dir := filled(t)
		change(t, dir, abi.SESSION_HDR_LOG_HEAD, head)
		if got := open(t, dir).Records(); len(got) != want {
			t.Errorf("with %d records begun %d are read, want %d", head, len(got), want)
		}
	}
}

// change sets 8 bytes of a session's file.
func change(t *testing.T, dir string, at int64, v uint64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, session.FileName), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(binary.LittleEndian.AppendUint64(nil, v), at); err != nil {
		t.Fatal(err)
	}
}

// TestOpenRefuses: files that are no session of this version. Each error names the
// file; PATH stands for it.
func TestOpenRefuses(t *testing.T) {
	const no, remove = "session: PATH: no session file of ", ": remove it, or use another session"
	size := func(by int) string { return fmt.Sprint(abi.SESSION_SIZE + by) }
	expected := ", expected is a file of " + size(0)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir, path string)
		want  string
	}{
		"missing": {func(t *testing.T, _, path string) { remake(t, path, nil) },
			"session: open PATH: no such file or directory"},
		"empty": {func(t *testing.T, _, path string) { resize(t, path, 0) },
			no + "this version: -rw------- with 0 bytes" + expected},
		"cut by a byte": {func(t *testing.T, _, path string) { resize(t, path, abi.SESSION_SIZE-1) },
			no + "this version: -rw------- with " + size(-1) + " bytes" + expected},
		"longer by a byte": {func(t *testing.T, _, path string) { resize(t, path, abi.SESSION_SIZE+1) },
			no + "this version: -rw------- with " + size(1) + " bytes" + expected},
		"all zeros": {func(t *testing.T, _, path string) { resize(t, path, 0); resize(t, path, abi.SESSION_SIZE) },
			no + "version 1: magic 0x0, version 0, size 0" + remove},
		"magic": {func(t *testing.T, dir, _ string) { change(t, dir, abi.SESSION_HDR_MAGIC, abi.SESSION_MAGIC+1<<56) },
			no + "version 1: magic 0x3253455346504200, version 1, size " + size(0) + remove},
		"version": {func(t *testing.T, dir, _ string) { change(t, dir, abi.SESSION_HDR_VERSION, 2) },
			no + "version 1: magic 0x3153455346504200, version 2, size " + size(0) + remove},
		"size in the header": {func(t *testing.T, dir, _ string) { change(t, dir, abi.SESSION_HDR_SIZE, 4096) },
			no + "version 1: magic 0x3153455346504200, version 1, size 4096" + remove},
		"directory": {func(t *testing.T, _, path string) { remake(t, path, func() error { return os.Mkdir(path, 0o700) }) },
			no + "this version: drwx------ with "},
		"fifo": {func(t *testing.T, _, path string) { remake(t, path, func() error { return unix.Mkfifo(path, 0o600) }) },
			no + "this version: prw------- with 0 bytes" + expected},
		"symbolic link": {func(t *testing.T, _, path string) {
			remake(t, path, func() error { return os.Symlink(filepath.Join(filled(t), session.FileName), path) })
		}, "session: open PATH: too many levels of symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			path := filepath.Join(dir, session.FileName)
			c.spoil(t, dir, path)
			_, err := session.Open(dir)
			if err == nil {
				t.Fatal("it was opened")
			}
			if got := strings.ReplaceAll(err.Error(), path, "PATH"); !strings.HasPrefix(got, c.want) {
				t.Errorf("error %s\nwant  %s", got, c.want)
			}
		})
	}
}

func remake(t *testing.T, path string, f func() error) {
	t.Helper()
	err := os.Remove(path)
	if err == nil && f != nil {
		err = f()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func resize(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// TestForbidden: another user's session, which is one without permission.
func TestForbidden(t *testing.T) {
	dir := filled(t)
	path := filepath.Join(dir, session.FileName)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		unix.Setfsuid(12345)   // root without its powers; nothing for others
		_, err := session.Open(dir)
		errs <- err
	}()
	err := <-errs
	if !errors.Is(err, fs.ErrPermission) || err.Error() != "session: open "+path+": permission denied" {
		t.Errorf("error %v", err)
	}
}

// TestWhileWritten: links, counters and records are whole while C changes them.
func TestWhileWritten(t *testing.T) {
	dir := filled(t)
	s := open(t, dir)
	cmd := exec.Command(writer, "run", filepath.Join(dir, session.FileName))
	cmd.Stderr = os.Stderr
	stop, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	before := s.Links()[0]
	for records := 0; records < 40_000; {
		link := s.Links()[0]
		if link.Hits < before.Hits || link.Sites < before.Sites || link.Misses != 7 {
			t.Fatalf("link %+v was %+v", link, before)
		}
		before = link
		records += checkRecords(t, s.Records())
	}
	stop.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	rounds := uint64(s.Links()[0].Sites) - 2
	if got, want := s.Links()[0].Hits, 321+rounds*14; got != want {
		t.Errorf("%d hits after %d rounds, want %d", got, rounds, want)
	}
	if n := checkRecords(t, s.Records()); n != min(int(rounds), abi.SESSION_NLOGS) {
		t.Errorf("%d records are left after %d rounds", n, rounds)
	}
}

// checkRecords holds those that log_number of testdata/write.c wrote to what it
// writes, and returns how many they are.
func checkRecords(t *testing.T, records []session.Record) (n int) {
	t.Helper()
	last := uint64(0)
	for _, r := range records {
		if r.Time.Year() == 2023 {
			continue // of fill
		}
		n++
		index := uint64(r.Time.UnixNano()) / 1000
		want := session.Record{Time: time.Unix(0, int64(index)*1000), PID: int(index), Level: [...]string{"off", "error", "warn", "info", "debug"}[index%5],
			Text: string(bytes.Repeat([]byte{byte('a' + index%26)}, int(1+index%(abi.LOG_TEXT_SIZE-1))))}
		if r != want || index <= last && last != 0 {
			t.Fatalf("record after %d:\n%+v\nwant\n%+v", last, r, want)
		}
		last = index
	}
	return n
}
