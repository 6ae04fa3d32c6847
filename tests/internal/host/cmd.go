package host

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// hostPath is where hosts and their children find programs, whatever the caller's path is.
const hostPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Cmd describes one program run. It is plain data and can be run any number of times.
type Cmd struct {
	Args  []string
	Dir   string                             // working directory, emptied before every run; see WorkDir
	Setup func(t testing.TB, dir string)     // fills Dir before every run, as the user of the test
	Env   []string                           // added to the fixed environment
	Stdin string                             // the whole standard input; "" is /dev/null
	User  *User                              // nil: the user of the test
	Limit time.Duration                      // after which the program and its descendants are killed; 0: a minute
	Rules []Rule                             // what to rewrite in output and states before comparing
	Allow func(s *State)                     // clears the fields that differ between two plain runs
	Watch func(t testing.TB, p *Proc)        // called once while the program runs
	After func(t testing.TB, dir string) any // called when it has ended; its value is compared too
}

// Result is what one run showed from outside.
type Result struct {
	Stdout, Stderr string
	Exit           int            // exit code, -1 when killed
	Signal         syscall.Signal // what killed it, or 0
	States         []State        // from the checkpoints it ran, in their order
	After          any
}

// WorkDir returns a path for Cmd.Dir, in a directory of its own that other users can reach.
func WorkDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bpftime-host-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "work")
}

// Run runs the program to its end. A nil Trace is a plain run.
func Run(t testing.TB, c Cmd, tr *Trace) Result {
	t.Helper()
	p := Start(t, c, tr)
	if c.Watch != nil {
		c.Watch(t, p)
	}
	r := p.Wait()
	if c.After != nil {
		r.After = c.After(t, c.Dir)
	}
	endOrphans(t, c.Args[0])
	return r
}

// prepare empties and fills the working directory and gives it to the user.
func (c Cmd) prepare(t testing.TB) {
	t.Helper()
	if c.Dir == "" {
		t.Fatal("a Cmd needs a Dir: use host.WorkDir")
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(c.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if c.Setup != nil {
		c.Setup(t, c.Dir)
	}
	err := filepath.Walk(c.Dir, func(path string, _ os.FileInfo, err error) error {
		c.User.own(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// environment is fixed, but for what the case and the trace add: the caller's settings must not decide a comparison.
func (c Cmd) environment(t testing.TB, tr *Trace) []string {
	env := []string{
		"PATH=" + BinDir(t) + ":" + hostPath, "HOME=" + c.Dir, "TMPDIR=" + c.Dir, "LANG=C", "TZ=UTC",
		checkpointVariable + "=" + c.socket(),
	}
	env = append(env, c.Env...)
	if tr != nil {
		env = append(env, tr.environment(t, c)...)
	}
	return env
}

func (c Cmd) limit() time.Duration {
	if c.Limit == 0 {
		return time.Minute
	}
	return c.Limit
}
