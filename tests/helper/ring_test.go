package helper

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// number checks a line of print_line in testdata/print.c, and returns its number.
func number(t *testing.T, l session.Trace) int {
	t.Helper()
	var n, pid int
	if _, err := fmt.Sscanf(l.Text, "line %d of %d ", &n, &pid); err != nil {
		t.Fatalf("line %q: %v", l.Text, err)
	}
	want := fmt.Sprintf("line %d of %d %"+strconv.Itoa(n%300+1)+"d", n, pid, n%40+1)
	if l.Text != want || l.PID != pid || l.Comm != "print" {
		t.Fatalf("line %+v, want %q", l, want)
	}
	return n
}

// writeSome makes the session and a few lines in it.
func writeSome(t *testing.T, dir string, writers, lines int) {
	t.Helper()
	run(t, "print", filepath.Join(dir, session.FileName), "flood", strconv.Itoa(writers), strconv.Itoa(lines))
}

func openSession(t *testing.T, dir string) *session.Session {
	t.Helper()
	s, err := session.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestFollowFlood: many threads write faster than the ring is read. Each line is whole, and each thread's are in order;
// what is not read is counted.
func TestFollowFlood(t *testing.T) {
	const writers = 4
	each := host.Scale(20_000, 1_000_000)
	dir := t.TempDir()
	writeSome(t, dir, 1, 1)
	r := openSession(t, dir).FollowTrace()
	r.Read()
	cmd := exec.Command(program(t, "print"), filepath.Join(dir, session.FileName), "flood", strconv.Itoa(writers), strconv.Itoa(each))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	last, read := map[int]int{}, 0
	take := func() {
		for _, l := range r.Read() {
			n := number(t, l)
			if before, ok := last[l.TID]; ok && n <= before {
				t.Fatalf("line %d of thread %d comes after %d", n, l.TID, before)
			}
			last[l.TID] = n
			read++
		}
	}
	for running := true; running; take() {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
	}
	if uint64(read)+r.Lost() != uint64(writers*each) || len(last) != writers {
		t.Errorf("%d lines of %d threads were read and %d lost, %d written by %d", read, len(last), r.Lost(), writers*each, writers)
	}
	t.Logf("%d read, %d lost", read, r.Lost())
}

// TestKilledWriters: a process that is killed while it writes loses the line it was writing, at most.
func TestKilledWriters(t *testing.T) {
	dir := t.TempDir()
	writeSome(t, dir, 1, 1)
	s := openSession(t, dir)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range host.Scale(40, 2000) {
		cmd := exec.Command(program(t, "print"), filepath.Join(dir, session.FileName), "forever")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rnd.IntN(5_000_000)))
		cmd.Process.Kill()
		cmd.Wait()
		for _, l := range s.Trace() {
			number(t, l)
		}
	}
	r := s.FollowTrace()
	writeSome(t, dir, 1, 50)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var last session.Trace
	for n := 0; n < 49 || last.Text[:8] != "line 49 "; {
		lines, err := r.Wait(ctx)
		if err != nil {
			t.Fatalf("%v; last %q", err, last.Text)
		}
		for _, last = range lines {
			n = number(t, last)
		}
	}
}

// A stepped is testdata/print.c between its two stops, one instruction at a time.
type stepped struct {
	t   *testing.T
	pid int
	cmd *exec.Cmd
}

// startStepping locks the thread: a tracer is one.
func startStepping(t *testing.T, dir string) stepped {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	cmd := exec.Command(program(t, "print"), filepath.Join(dir, session.FileName), "step")
	cmd.SysProcAttr = &unix.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := stepped{t, cmd.Process.Pid, cmd}
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	s.wait() // execve
	s.resume()
	return s
}

func (s stepped) wait() unix.Signal {
	s.t.Helper()
	var status unix.WaitStatus
	if _, err := unix.Wait4(s.pid, &status, 0, nil); err != nil || !status.Stopped() {
		s.t.Fatalf("wait status %#x: %v", status, err)
	}
	return status.StopSignal()
}

// resume runs until the next stop that the program asks for.
func (s stepped) resume() {
	s.t.Helper()
	if err := unix.PtraceCont(s.pid, 0); err != nil {
		s.t.Fatal(err)
	}
	if sig := s.wait(); sig != unix.SIGSTOP {
		s.t.Fatalf("stopped by %v", sig)
	}
}

// step reports whether the program still is on its way to the next stop.
func (s stepped) step() bool {
	s.t.Helper()
	if err := unix.PtraceSingleStep(s.pid); err != nil {
		s.t.Fatal(err)
	}
	return s.wait() == unix.SIGTRAP
}

func texts(lines []session.Trace) (list []string) {
	for _, l := range lines {
		list = append(list, l.Text)
	}
	return list
}

// TestEveryInstruction: at each instruction of a writer, the ring holds the lines that were there, less the one whose
// place is written to, and the new one when it is whole.
func TestEveryInstruction(t *testing.T) {
	dir := t.TempDir()
	writeSome(t, dir, 1, abi.SESSION_NTRACES)
	s := openSession(t, dir)
	before := texts(s.Trace())
	w := startStepping(t, dir)
	steps, changes := 0, 0
	state := before
	for w.step() {
		steps++
		now := texts(s.Trace())
		if slices.Equal(now, state) {
			continue
		}
		changes++
		state = now
		switch n := len(now); {
		case n == len(before)-1 && slices.Equal(now, before[1:]):
		case n == len(before) && slices.Equal(now[:n-1], before[1:]) && now[n-1] == fmt.Sprintf("stepped %d", w.pid):
		default:
			t.Fatalf("after %d instructions there are %d lines, the last %q", steps, n, now[n-1])
		}
	}
	if changes != 2 || len(state) != len(before) {
		t.Errorf("%d changes in %d instructions, %d lines", changes, steps, len(state))
	}
	t.Logf("%d instructions", steps)
}

// TestLateWriter: a writer stops while others fill the ring, and then goes on in a place that is not its own any more.
func TestLateWriter(t *testing.T) {
	dir := t.TempDir()
	writeSome(t, dir, 1, abi.SESSION_NTRACES)
	s := openSession(t, dir)
	w := startStepping(t, dir)
	for len(s.Trace()) == abi.SESSION_NTRACES { // it takes its place
		if !w.step() {
			t.Fatal("it never took a place")
		}
	}
	for range 100 { // it begins to write
		w.step()
	}
	writeSome(t, dir, 1, abi.SESSION_NTRACES) // of two, one might be late as well
	seen := 0
	for w.step() {
		for _, l := range s.Trace() {
			if strings.HasPrefix(l.Text, "stepped ") {
				seen++
				continue
			}
			number(t, l)
		}
	}
	if n := len(s.Trace()); n < abi.SESSION_NTRACES-1 {
		t.Errorf("%d lines are left", n)
	}
	if seen > 0 {
		t.Errorf("the late line was seen %d times, in the place of a later one", seen)
	}
}
