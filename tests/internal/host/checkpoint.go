package host

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A host runs the program `checkpoint NAME` as a child. It is a static program, in which no preloaded agent starts.
// It connects to the socket named by this variable, sends "NAME PPID PID" and waits; meanwhile the host waits for
// its child, and both are inspected: what the host is, and what its children inherit.
const checkpointVariable = "BPFTIME_TEST_CHECKPOINT"

func (c Cmd) socket() string { return filepath.Join(filepath.Dir(c.Dir), "checkpoint.sock") }

type checkpoints struct {
	t        testing.TB
	listener net.Listener
	states   []State
	finished sync.WaitGroup
}

func listen(t testing.TB, c Cmd) *checkpoints {
	t.Helper()
	Victim(t, "checkpoint.c", "-static")
	os.Remove(c.socket())
	l, err := net.Listen("unix", c.socket())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(c.socket(), 0o777); err != nil {
		t.Fatal(err)
	}
	points := &checkpoints{t: t, listener: l}
	points.finished.Go(points.serve)
	return points
}

func (c *checkpoints) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.inspect(conn)
		conn.Close()
	}
}

func (c *checkpoints) inspect(conn net.Conn) {
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		c.t.Errorf("checkpoint: %v", err)
		return
	}
	var name string
	var host, child int
	if _, err := fmt.Sscan(line, &name, &host, &child); err != nil {
		c.t.Errorf("checkpoint: %q: %v", line, err)
		return
	}
	if host != os.Getpid() { // the program became the checkpoint by exec
		c.add(name+" host", host)
	}
	c.add(name+" child", child)
}

func (c *checkpoints) add(who string, pid int) {
	s, err := InspectSteady(who, pid)
	if err != nil {
		c.t.Errorf("inspect %s: %v", who, err)
		return
	}
	c.states = append(c.states, s)
}

// stop ends the listener and returns what the host's checkpoints showed.
func (c *checkpoints) stop() []State {
	c.listener.Close()
	c.finished.Wait()
	return c.states
}
