// Package hosts runs real programs without and with the agent and compares them.
//
// One file per group: commands (the table of everyday programs), servers, and the victims of tests/victims, C and
// C++ programs that are each one hazard. What a test asks of a program is in internal/host: same output, same exit
// status, same descriptors, masks, dispositions, threads and children at every checkpoint, nothing left behind, and
// the exact number of hits where the program itself counts its calls.
package hosts

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestMain(m *testing.M) { host.Main(m) }
