package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A watched program is one whose output is read as it comes.
type watched struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Reader
}

// watch starts bpftime run with the victim that counts signals, and waits until that
// one is ready.
func (u *user) watch() *watched {
	u.t.Helper()
	victim(u.t, "signals", "signals.c")
	w := &watched{t: u.t, cmd: u.command("run", "--output", "report", "funccount", "uprobe/libc:getppid", "--", "signals")}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	w.start(out)
	return w
}

func (w *watched) start(out io.Reader) { w.startWith(out, "ready") }

// startWith waits until the program says something, if it does.
func (w *watched) startWith(out io.Reader, ready string) {
	w.t.Helper()
	w.lines = bufio.NewReader(out)
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { w.cmd.Process.Kill() })
	w.t.Cleanup(func() { timer.Stop(); w.cmd.Process.Kill(); w.cmd.Wait() })
	if ready != "" {
		w.want(ready)
	}
}

// want reads a line.
func (w *watched) want(line string) {
	w.t.Helper()
	got, err := w.lines.ReadString('\n')
	if strings.TrimRight(got, "\r\n") != line {
		w.t.Fatalf("read %q, %v; want %q", got, err, line)
	}
}

// end waits for bpftime's end and returns what was left to read.
func (w *watched) end() (rest string, code int) {
	w.t.Helper()
	b, _ := io.ReadAll(w.lines)
	_ = w.cmd.Wait()
	return string(b), exitCode(w.cmd)
}

// TestSignals: what is sent to us is sent on, once, and does not end us.
func TestSignals(t *testing.T) {
	u := newUser(t)
	w := u.watch()
	for _, s := range []struct {
		signal syscall.Signal
		line   string
	}{{unix.SIGINT, "int"}, {unix.SIGUSR1, "usr1"}, {unix.SIGHUP, "hup"}, {unix.SIGINT, "int"}, {unix.SIGTERM, "term"}} {
		if err := w.cmd.Process.Signal(s.signal); err != nil {
			t.Fatal(err)
		}
		w.want(s.line)
	}
	if rest, code := w.end(); rest != "" || code != 7 {
		t.Errorf("exit code %d, then %q", code, rest)
	}
	if report, err := os.ReadFile(u.dir + "/report"); err != nil || !strings.Contains(string(report), "LINK") {
		t.Errorf("report %q, %v", report, err)
	}
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestIgnoredSignals: what was ignored when we started, as by nohup, stays ignored.
func TestIgnoredSignals(t *testing.T) {
	u := newUser(t)
	victim(t, "signals", "signals.c")
	cmd := u.command()
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c",
		`trap "" HUP; bpftime run funccount uprobe/libc:getppid -- sh -c 'kill -HUP $PPID; kill -HUP $$; echo alive'`}
	if out, err := cmd.Output(); err != nil || string(out) != "alive\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// terminal opens a pseudoterminal: what is written to one side is typed at the other.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// atTerminal starts a command that is in the foreground of a terminal of its own.
func (u *user) atTerminal(args ...string) (*watched, *os.File) {
	u.t.Helper()
	ours, theirs := terminal(u.t)
	defer theirs.Close()
	w := &watched{t: u.t, cmd: u.command(args...)}
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = theirs, theirs, theirs
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	w.start(ours)
	return w, ours
}

func key(t *testing.T, terminal *os.File, c byte) {
	t.Helper()
	if _, err := terminal.Write([]byte{c}); err != nil {
		t.Fatal(err)
	}
}

// TestCtrlC: the key reaches the program once, as it is in the foreground, and when it
// ends the report is printed.
func TestCtrlC(t *testing.T) {
	u := newUser(t)
	victim(t, "signals", "signals.c")
	w, tty := u.atTerminal("run", "funccount", "uprobe/libc:getppid", "--", "signals")
	key(t, tty, 3)
	w.want("^Cint")
	key(t, tty, 3)
	w.want("^Cint")
	if err := w.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.want("term")
	rest, code := w.end()
	if code != 7 || !strings.Contains(rest, "funccount uprobe/libc:getppid\r\n") || strings.Contains(rest, "int") {
		t.Errorf("exit code %d, then\n%s", code, rest)
	}
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestCtrlCEnds: a program that does not catch the key is ended by it, and we print.
func TestCtrlCEnds(t *testing.T) {
	u := newUser(t)
	w, tty := u.atTerminal("run", "funccount", "uprobe/libc:getppid", "--", "sh", "-c", "echo ready; exec sleep 60")
	key(t, tty, 3)
	if rest, code := w.end(); code != 130 || !strings.Contains(rest, "funccount uprobe/libc:getppid\r\n") {
		t.Errorf("exit code %d, then\n%s", code, rest)
	}
}

// TestCtrlZ: both stop, and both go on.
func TestCtrlZ(t *testing.T) {
	u := newUser(t)
	w, tty := u.atTerminal("run", "funccount", "uprobe/libc:getppid", "--", "sh", "-c", "echo ready; read line; echo got $line")
	// A session's leader is an orphan whom the key does not stop; we stand in for the shell.
	if err := unix.Kill(-w.cmd.Process.Pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(-w.cmd.Process.Pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := tty.Write([]byte("on\n")); err != nil {
		t.Fatal(err)
	}
	w.want("on")
	w.want("got on")
	if rest, code := w.end(); code != 0 || !strings.Contains(rest, "LINK") {
		t.Errorf("exit code %d, then\n%s", code, rest)
	}
}

// TestReaderGone: a report that nobody reads ends neither us nor the program early, and
// is no failure.
func TestReaderGone(t *testing.T) {
	u := newUser(t)
	victim(t, "calls", "calls.c")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := u.command("run", "funccount", "uprobe/libc:getppid", "--", "sh", "-c", "exec 2>/dev/null; calls; echo done; exit 5")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, w
	_ = cmd.Run()
	w.Close()
	if out.String() != "out\ndone\n" || exitCode(cmd) != 5 {
		t.Errorf("exit code %d, standard output %q", exitCode(cmd), out.String())
	}
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestSigpipe: the program dies of a closed pipe as it would without us; so do the other
// commands.
func TestSigpipe(t *testing.T) {
	u := newUser(t)
	cmd := u.command()
	cmd.Path, cmd.Args = "/bin/bash", []string{"bash", "-c",
		`bpftime run funccount uprobe/libc:getppid -- yes 2>report | head -n 1; echo ${PIPESTATUS[0]}; bpftime check libc --all | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}`}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "y\n141\n141\n" {
		t.Errorf("%q, %v", out, err)
	}
	if report, err := os.ReadFile(u.dir + "/report"); err != nil || !strings.Contains(string(report), "LINK") {
		t.Errorf("report %q, %v", report, err)
	}
}

// TestFullOutput: a report that cannot be written is a failure, unless the program's own
// is told.
func TestFullOutput(t *testing.T) {
	u := newUser(t)
	for exit, want := range map[string]int{"0": 125, "3": 3} {
		r := u.run("run", "--output", "/dev/full", "funccount", "uprobe/libc:getppid", "--", "sh", "-c", "exit "+exit)
		if r.code != want || r.stderr != "bpftime: write /dev/full: no space left on device\n" {
			t.Errorf("exit code %d, standard error %q", r.code, r.stderr)
		}
	}
}

// TestManyAtOnce: runs in one run directory do not meet.
func TestManyAtOnce(t *testing.T) {
	u := newUser(t)
	victim(t, "calls", "calls.c")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			cmd := u.command("run", "funccount", "uprobe/libc:getppid", "--", "calls")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "     7       0      1  jump    funccount uprobe/libc:getppid\n") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	group.Wait()
	if left := u.sessions(); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
