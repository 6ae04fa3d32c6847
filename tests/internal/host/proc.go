package host

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Proc is a started program.
type Proc struct {
	PID    int
	t      testing.TB
	cmd    *exec.Cmd
	cut    *time.Timer
	points *checkpoints
	in     io.WriteCloser
	done   bool
}

// Start starts the program in its emptied directory. The test's end ends it too.
func Start(t testing.TB, c Cmd, tr *Trace) *Proc {
	t.Helper()
	c.prepare(t)
	p := &Proc{t: t, cmd: exec.Command(c.Args[0], c.Args[1:]...), points: listen(t, c)}
	if full, err := LookPath(c.Args[0]); err == nil {
		p.cmd.Path, p.cmd.Err = full, nil
	}
	p.cmd.Dir = c.Dir
	p.cmd.Env = c.environment(t, tr)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.User.credential()}
	p.cmd.Stdout = p.output(c, "stdout")
	p.cmd.Stderr = p.output(c, "stderr")
	p.input(c)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %v: %v", c.Args, err)
	}
	p.PID = p.cmd.Process.Pid
	started[p.PID] = true
	p.cut = time.AfterFunc(c.limit(), p.timeout)
	t.Cleanup(p.End)
	return p
}

// output is a file, not a pipe: a daemon that keeps a pipe open would keep us waiting. It outlives the run, beside
// the working directory.
func (p *Proc) output(c Cmd, name string) *os.File {
	f, err := os.Create(filepath.Join(filepath.Dir(c.Dir), name))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { f.Close() })
	return f
}

func (p *Proc) input(c Cmd) {
	switch c.Stdin {
	case "":
	case Held:
		w, err := p.cmd.StdinPipe()
		if err != nil {
			p.t.Fatal(err)
		}
		p.in = w
	default:
		p.cmd.Stdin = strings.NewReader(c.Stdin)
	}
}

// Held, as Cmd.Stdin, gives the program an empty pipe that stays open until Release or Wait.
const Held = "\x00held"

// Release closes the pipe that Held gave to the program.
func (p *Proc) Release() {
	if p.in != nil {
		p.in.Close()
	}
}

// Continue lets a program go on that has stopped itself.
func (p *Proc) Continue() { syscall.Kill(p.PID, syscall.SIGCONT) }

// timeout runs on the timer's goroutine.
func (p *Proc) timeout() {
	p.t.Errorf("%v: not finished in time; killed. %s", p.cmd.Args, where(p.PID))
	killTree(p.PID)
}

// Wait waits for the program's end.
func (p *Proc) Wait() Result {
	p.Release()
	p.cmd.Wait()
	p.cut.Stop()
	p.done = true
	delete(started, p.PID)
	ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	r := Result{Stdout: p.read("stdout"), Stderr: p.read("stderr"), Exit: ws.ExitStatus(), States: p.points.stop()}
	if ws.Signaled() {
		r.Signal = ws.Signal()
	}
	return r
}

func (p *Proc) read(name string) string {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(p.cmd.Dir), name))
	if err != nil {
		p.t.Error(err)
	}
	return string(b)
}

// Dir returns the working directory the program was started in.
func (p *Proc) Dir() string { return p.cmd.Dir }

// Stdout returns what the program has written so far.
func (p *Proc) Stdout() string { return p.read("stdout") }

// Await waits until the program has written text to its standard output, or has ended.
func (p *Proc) Await(text string) {
	p.t.Helper()
	ok := Poll(30*time.Second, func() bool { return strings.Contains(p.Stdout(), text) || !alive(p.PID) })
	if !ok || !strings.Contains(p.Stdout(), text) {
		p.t.Fatalf("%v did not say %q; stdout %q, stderr %q", p.cmd.Args, text, p.Stdout(), p.read("stderr"))
	}
}

// End kills the program and its descendants, if it has not been waited for.
func (p *Proc) End() {
	if p.done {
		return
	}
	killTree(p.PID)
	p.Wait()
}

// Poll asks until the answer is yes, or the time is up.
func Poll(limit time.Duration, ask func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ask() {
			return true
		}
	}
	return ask()
}
