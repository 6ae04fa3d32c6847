package session

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestParseStat: field 2 may hold anything, parentheses and blanks included.
func TestParseStat(t *testing.T) {
	const tail = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987654321 20 21 22\n"
	for _, c := range []struct {
		stat  string
		start uint64
		state byte
		ok    bool
	}{
		{"1 (init)" + tail, 987654321, 'S', true},
		{"1 (a) Z 1 (b))" + tail, 987654321, 'S', true},
		{"1 ()" + tail, 987654321, 'S', true},
		{"1 (new\nline)" + tail, 987654321, 'S', true},
		{"1 (a)", 0, 0, false},
		{"1 a" + tail, 0, 0, false},
		{"", 0, 0, false},
		{"1 (a) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18", 0, 0, false},
		{"1 (a) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 7", 7, 'Z', true},
		{"1 (a) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 -7", 0, 'Z', false},
	} {
		if start, state, ok := parseStat([]byte(c.stat)); start != c.start || state != c.state || ok != c.ok {
			t.Errorf("%q: %d, %q, %v; want %d, %q, %v", c.stat, start, state, ok, c.start, c.state, c.ok)
		}
	}
}

// startTime is field 22, as the applier notes it.
func startTime(t *testing.T, pid int) uint64 {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	start, _, ok := parseStat(stat)
	if !ok || start == 0 {
		t.Fatalf("no start time in %q", stat)
	}
	return start
}

// TestAlive follows one process, whose name is made to mislead, from its start to
// its end.
func TestAlive(t *testing.T) {
	program := filepath.Join(t.TempDir(), "x) Z 1 2 3")
	cat, err := exec.LookPath("cat")
	if err == nil {
		cat, err = filepath.EvalSymlinks(cat)
	}
	if err == nil {
		err = os.Symlink(cat, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: program, Args: []string{"cat"}}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	echo := make([]byte, 1)
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, echo); err != nil { // it was executed
		t.Fatal(err)
	}
	p := Process{PID: cmd.Process.Pid, Start: startTime(t, cmd.Process.Pid), PIDNS: pidns()}
	check := func(when string, p Process, want bool) {
		t.Helper()
		if got := p.Alive(); got != want {
			t.Errorf("%s: %+v alive: %v", when, p, got)
		}
	}
	check("running", p, true)
	check("a forked child", Process{PID: p.PID, PIDNS: p.PIDNS}, true)
	check("its number used again", Process{PID: p.PID, PIDNS: p.PIDNS, Start: p.Start - 1}, false)
	check("in another namespace", Process{PID: p.PID, PIDNS: p.PIDNS + 1, Start: p.Start}, false)
	check("in no namespace", Process{PID: p.PID, Start: p.Start}, false)
	check("without a number", Process{PIDNS: p.PIDNS}, false)
	check("a number of no process", Process{PID: 1<<32 - 1, PIDNS: p.PIDNS}, false)

	in.Close()
	if _, err := io.ReadAll(out); err != nil { // ends when it has closed everything
		t.Fatal(err)
	}
	waitForZombie(t, p.PID)
	check("a zombie", p, false)
	check("a zombie that was forked", Process{PID: p.PID, PIDNS: p.PIDNS}, false)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	check("gone", p, false)
}

func waitForZombie(t *testing.T, pid int) {
	t.Helper()
	for {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		if _, state, ok := parseStat(stat); ok && state == 'Z' {
			return
		}
	}
}
