package launch

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Child is a program that was started.
type Child struct {
	proc    *os.Process
	signals chan os.Signal
	ended   chan struct{}
}

// Start starts the program at path.
func Start(path string, argv, env []string) (*Child, error) {
	c := &Child{signals: make(chan os.Signal, 16), ended: make(chan struct{})}
	signal.Notify(c.signals, forwarded()...)
	proc, err := start(path, argv, env)
	if err != nil {
		signal.Stop(c.signals)
		return nil, err
	}
	c.proc = proc
	go c.forward()
	return c, nil
}

func start(path string, argv, env []string) (*os.Process, error) {
	attr := &os.ProcAttr{Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}}
	proc, err := os.StartProcess(path, argv, attr)
	if errors.Is(err, unix.ENOEXEC) { // as execvp does
		proc, err = os.StartProcess("/bin/sh", append([]string{"sh", path}, argv[1:]...), attr)
	}
	switch {
	case err == nil:
		return proc, nil
	case errors.Is(err, unix.ENOENT):
		return nil, &Error{CodeNotFound, fmt.Errorf("%s: it, or the interpreter it names, does not exist", path)}
	}
	return nil, &Error{CodeNotExecutable, err}
}

// forwarded is what is sent on, and SIGPIPE, which is caught only so that we outlive
// our reader. What was ignored when we started stays so, here and in the program.
func forwarded() []os.Signal {
	var out []os.Signal
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGPIPE} {
		if !signal.Ignored(s) {
			out = append(out, s)
		}
	}
	return out
}

func (c *Child) forward() {
	for {
		select {
		case s := <-c.signals:
			if s != unix.SIGPIPE && !fromTerminal(s) {
				_ = c.proc.Signal(s) // it may have ended meanwhile
			}
		case <-c.ended:
			return
		}
	}
}

// fromTerminal tells a key of the terminal, which the program was sent as well, from a
// kill(1) of us alone. Both can be told apart only by where we are: in the foreground
// it is the key.
func fromTerminal(s os.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT {
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// Wait waits for the program's end. Its exit code is the program's, or 128 and the
// number of the signal that killed it.
func (c *Child) Wait() (int, error) {
	state, err := c.proc.Wait()
	close(c.ended)
	if err != nil {
		return 0, fmt.Errorf("waiting for the program: %w", err)
	}
	status := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// Signals is where signals arrive once the program has ended.
func (c *Child) Signals() <-chan os.Signal { return c.signals }

// Release lets signals do what they did before Start.
func (c *Child) Release() { signal.Stop(c.signals) }
