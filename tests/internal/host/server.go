package host

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// FreePort is a TCP port on loopback that was free a moment ago.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Reachable waits until somebody listens on the port.
func Reachable(t testing.TB, port int) {
	t.Helper()
	ok := Poll(30*time.Second, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if !ok {
		t.Fatalf("nobody listens on port %d", port)
	}
}

// Client runs a client of a server, plain, and returns its standard output.
func Client(t testing.TB, args ...string) string {
	t.Helper()
	r := Run(t, Cmd{Args: args, Dir: WorkDir(t), Limit: 2 * time.Minute}, nil)
	if r.Exit != 0 {
		t.Fatalf("%v: exit %d\n%s%s", args, r.Exit, r.Stdout, r.Stderr)
	}
	return r.Stdout
}
