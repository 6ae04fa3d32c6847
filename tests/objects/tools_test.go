package objects

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// opens are the records of testdata/toolopen.bpf.c about some paths: command, path, result.
func opens(t *testing.T, tr *host.Trace, paths ...string) (out []string) {
	t.Helper()
	for _, r := range recordsOf(t, tr, "toolopen.events") {
		ret, comm, path := int32(number(r.Data[16:20])), text(r.Data[24:40]), text(r.Data[40:295])
		if slices.Contains(paths, path) {
			out = append(out, fmt.Sprintf("%s %s %d", comm, path, min(ret, 0)))
		}
	}
	return out
}

// TestToolOpens: a tool for opens in its usual form sees each, with the path that was asked for and what came of it.
func TestToolOpens(t *testing.T) {
	host.Require(t, "bash", "cat")
	forEnds(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{"bash", "-c", "cat here /no/where; cat here | cat; read x < here; true"}, Dir: host.WorkDir(t), Setup: hereFile}
		all := []string{"cat here 0", "cat /no/where -2", "cat here 0", "bash here 0"}
		for options, want := range map[string][]string{
			"":                              all,
			", rodata: {targ_failed: true}": {"cat /no/where -2"},
			", rodata: {targ_uid: 4242}":    nil,
			fmt.Sprintf(", rodata: {targ_uid: %d}", os.Getuid()): all,
		} {
			tr := trace(t, v, "objects: [{path: OBJ/toolopen.bpf.o"+options+"}]")
			host.Compare(t, c, tr)
			wantQuiet(t, tr)
			if got := opens(t, tr, "here", "/no/where"); !slices.Equal(got, want) {
				t.Errorf("%q: opened %q, want %q", options, got, want)
			}
			if left := wide(t, tr, "toolopen.start"); len(left) > 0 {
				t.Errorf("%q: calls that have not returned: %v", options, left)
			}
		}
	})
}

func hereFile(t testing.TB, dir string) {
	if err := os.WriteFile(filepath.Join(dir, "here"), []byte("x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestToolCounts: a tool that counts calls in its usual form counts those of a program that is known.
func TestToolCounts(t *testing.T) {
	file := native(t, "calls_of", "calls_of.c")
	forEnds(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{file}, Dir: host.WorkDir(t)}
		for options, want := range map[string]map[uint64]uint64{
			"":                                  {copyFileRange: 3, unix.SYS_OPENAT: 3, unix.SYS_FSTAT: 3, unix.SYS_GETPPID: 3, unix.SYS_EXECVE: 1}, // whose end it is itself
			", rodata: {measure_latency: true}": {copyFileRange: 3, unix.SYS_OPENAT: 3, unix.SYS_FSTAT: 3, unix.SYS_GETPPID: 3},
			", rodata: {filter_failed: true}":   {copyFileRange: 3, unix.SYS_OPENAT: 3, unix.SYS_FSTAT: 3},
			", rodata: {filter_errno: 9}":       {copyFileRange: 3, unix.SYS_OPENAT: 3, unix.SYS_FSTAT: 3},
			", rodata: {filter_errno: 2}":       nil,
		} {
			tr := trace(t, v, "objects: [{path: OBJ/toolcount.bpf.o"+options+"}]")
			host.Compare(t, c, tr)
			for number, words := range wide(t, tr, "toolcount.data") {
				if words[0] != want[number] {
					t.Errorf("%q: %d calls of %d, want %d", options, words[0], number, want[number])
				}
				if timed := strings.Contains(options, "latency"); timed != (words[1] > 0) {
					t.Errorf("%q: call %d took %d ns", options, number, words[1])
				}
				delete(want, number)
			}
			if len(want) > 0 {
				t.Errorf("%q: not counted: %v", options, want)
			}
		}
	})
}

// TestToolExecs: a tool for executed programs in its usual form has the arguments of each call, and what came of it: one
// that succeeds returns in the new program.
func TestToolExecs(t *testing.T) {
	host.Require(t, "bash")
	forEnds(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{"bash", "-c", "/no/such one 'two three' '' five six seven; exec /bin/echo a 'b c'"}, Dir: host.WorkDir(t)}
		tr := trace(t, v, "objects: [{path: OBJ/toolexec.bpf.o}]")
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		want := []string{"bash -2 5 /no/such\x00one\x00two three\x00\x00five\x00", "echo 0 3 /bin/echo\x00a\x00b c\x00"}
		var got []string
		for _, r := range recordsOf(t, tr, "toolexec.events") {
			size := number(r.Data[20:24])
			got = append(got, fmt.Sprintf("%s %d %d %s", text(r.Data[24:40]), int32(number(r.Data[12:16])), number(r.Data[16:20]), r.Data[40:40+size]))
			if ppid := number(r.Data[4:8]); ppid == 0 || number(r.Data[8:12]) != uint64(os.Getuid()) {
				t.Errorf("parent %d, user %d", ppid, number(r.Data[8:12]))
			}
		}
		slices.Sort(got) // they may have been on different CPUs
		if !slices.Equal(got, want) {
			t.Errorf("executed %q, want %q", got, want)
		}
	})
}
