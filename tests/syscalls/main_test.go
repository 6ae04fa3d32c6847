// Package syscalls runs real programs with every system call of theirs rewritten.
//
// Victims hold one hazard each: what a call leaves of registers, calls that come back twice or never, signals that
// come in the middle of one. Everyday programs are run under strace at the same time, and what programs have seen of
// each call is what strace has seen.
package syscalls

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestMain(m *testing.M) { host.Main(m) }
