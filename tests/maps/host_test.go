// Package maps_test holds maps against what they promise, in both implementations at
// once: Go (package maps) and the C that programs call (internal/native/map_*.c), in
// processes that run it without the agent (testdata/host.h).
//
// audit_test.go is a third reader, written from internal/abi alone: it takes a file
// apart and says whether chains, pools and records account for every node.
package maps_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

const torture = "BPFTIME_TORTURE"

// bin holds the programs of this run.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "maps"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(bin)
	os.Exit(code)
}

var built sync.Map

// build compiles a program of testdata with the maps' code.
func build(t testing.TB, source string, flags ...string) string {
	t.Helper()
	program := filepath.Join(bin, filepath.Base(source)+fmt.Sprint(flags))
	once, _ := built.LoadOrStore(program, sync.OnceValue(func() error {
		native, err := filepath.Glob("../../internal/native/map_*.c")
		native = append(native, "../../internal/native/bpf_spin.c", "../../internal/native/bpf_time.c", // for values with a lock
			"../../internal/native/bpf_build_id.c")
		if err != nil {
			return err
		}
		args := append([]string{"-Wall", "-Wextra", "-Werror", "-O2", "-g", "-I../../internal/abi", "-I../../internal/native", "-Itestdata"}, flags...)
		out, err := exec.Command("gcc", append(append(args, "-o", program, source), native...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
	return program
}

// bounded ends a process that has not ended by itself in minutes, and says in which system call, or none, it was.
func bounded(t testing.TB, c *exec.Cmd) *exec.Cmd {
	most := 4 * time.Minute
	if os.Getenv(torture) != "" {
		most = time.Hour
	}
	timer := time.AfterFunc(most, func() {
		where, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", c.Process.Pid))
		t.Errorf("%v hangs: %s", c.Args, where)
		c.Process.Kill()
	})
	t.Cleanup(func() { timer.Stop() })
	return c
}

// shared is a directory in memory, where map files live outside of tests as well.
func shared(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "maps-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func makeMap(t testing.TB, spec maps.Spec) string {
	t.Helper()
	path := filepath.Join(shared(t), "o.m")
	if err := maps.Make(path, spec); err != nil {
		t.Fatal(err)
	}
	return path
}

func openWriter(t testing.TB, path string) *maps.Map {
	t.Helper()
	m, err := maps.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// overwrite writes a file without making it shorter meanwhile: others have it mapped.
func overwrite(t testing.TB, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// makeSession makes a session file in which every lease is free.
func makeSession(t testing.TB) string {
	t.Helper()
	path := filepath.Join(shared(t), "session")
	header := binary.LittleEndian.AppendUint64(nil, abi.SESSION_MAGIC)
	header = binary.LittleEndian.AppendUint64(header, abi.SESSION_VERSION)
	header = binary.LittleEndian.AppendUint64(header, abi.SESSION_SIZE)
	if err := os.WriteFile(path, header, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, abi.SESSION_SIZE); err != nil {
		t.Fatal(err)
	}
	return path
}

// A server is a process that answers for a map (testdata/serve.c).
type server struct {
	t    testing.TB
	spec maps.Spec
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said *os.File
	over bool
}

const (
	opLookup = iota + 1
	opUpdate
	opDelete
	opAdd
	opTail
	opPush
	opPop
	opPeek
	opAlloc
	opFree
	opReserve
)

func serve(t testing.TB, session, path string, spec maps.Spec, flags ...string) *server {
	t.Helper()
	s := &server{t: t, spec: spec, cmd: exec.Command(build(t, "testdata/serve.c", flags...), session, path)}
	var err error
	if s.said, err = os.CreateTemp(t.TempDir(), "said"); err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.said
	s.in, err = s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	if s.over {
		return
	}
	s.over = true
	s.in.Close()
	err := s.cmd.Wait()
	if said, _ := os.ReadFile(s.said.Name()); err != nil || len(said) > 0 {
		s.t.Errorf("serve: %v\n%s", err, said)
	}
}

// ask runs one operation under a lease. A refused map is an error.
func (s *server) ask(op, lease int, key, value []byte, flags uint64) (int64, []byte, error) {
	q := binary.LittleEndian.AppendUint32(nil, uint32(op))
	q = binary.LittleEndian.AppendUint32(q, uint32(lease))
	q = binary.LittleEndian.AppendUint64(q, flags)
	q = append(append(q, key...), value...)
	s.in.Write(append(q, make([]byte, int(s.spec.ValueSize)-len(value))...))
	reply := make([]byte, 8+s.spec.ValueSize)
	if _, err := io.ReadFull(s.out, reply); err != nil {
		return 0, nil, err
	}
	return int64(binary.LittleEndian.Uint64(reply)), reply[8:], nil
}

// do is ask for those who count on an answer. The result is 0 or an errno.
func (s *server) do(op, lease int, key, value []byte, flags uint64) unix.Errno {
	s.t.Helper()
	r, _, err := s.ask(op, lease, key, value, flags)
	if err != nil {
		said, _ := os.ReadFile(s.said.Name())
		s.t.Fatalf("%v\n%s", err, said)
	}
	return unix.Errno(-r)
}

// lookup returns the value that a program under the lease finds.
func (s *server) lookup(lease int, key []byte) ([]byte, bool) {
	s.t.Helper()
	r, value, err := s.ask(opLookup, lease, key, nil, 0)
	if err != nil {
		said, _ := os.ReadFile(s.said.Name())
		s.t.Fatalf("%v\n%s", err, said)
	}
	return value, r == 1
}
