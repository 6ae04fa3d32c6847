// Package laws checks what the design forbids in everything that stays in a traced process: it disassembles the thunks
// and helpers of internal/native, the C of preload, the stubs that trampoline writes and the programs that run from
// them, reads the agent's file, and looks at a patched process.
//
// What is allowed is listed with the reason; a new instruction, symbol or mapping fails a test until somebody has
// thought about it and added it here. The disassembler is objdump: our own decoder is not asked to judge itself.
package laws

import (
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// needsAgent ends the test where no agent is to be tested.
func needsAgent(t *testing.T) {
	t.Helper()
	if host.Baseline() {
		t.Skip("BPFTIME_AGENT=none")
	}
}
