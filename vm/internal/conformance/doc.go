// Package conformance holds the cases that every engine has to pass, and runs
// them on one.
//
// Protocol. An engine's test makes an Engine and calls Run, which makes one
// subtest a case. The cases are two sets of files: ours, in vm/testdata/isa
// (read by Cases, see there for the format), and the public suites, which are
// not part of the module: they lie in ../shared beside it, and tests that need
// them skip with a message where they do not.
package conformance

import (
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/helper/suite"
)

// Helpers are what cases call.
func Helpers() *helper.Registry { return suite.Helpers() }

// Engine is what a case needs of an engine.
type Engine interface {
	// Run runs progs[0] with r1 the address of mem and r2 its length, or 0 and
	// 0 where mem is empty. Helpers 0 to 5 are those of Helpers. Map 0, where a
	// program refers to one, is a program array with progs in it; nil is an
	// empty element.
	Run(progs []*proof.Verified, mem []byte) (r0 uint64, err error)
}

// EngineFunc makes an Engine of a function.
type EngineFunc func(progs []*proof.Verified, mem []byte) (r0 uint64, err error)

// Run calls f.
func (f EngineFunc) Run(progs []*proof.Verified, mem []byte) (r0 uint64, err error) {
	return f(progs, mem)
}

// Run runs every case there is on the engine. checked says that the engine
// reports what a program does wrong as it runs; one that does not is spared
// the programs that the verifier would refuse.
func Run(t *testing.T, e Engine, checked bool) {
	t.Run("isa", func(t *testing.T) { runCases(t, e, checked, Cases(t)) })
	t.Run("bpf_conformance", func(t *testing.T) { runCases(t, e, checked, Suite(t)) })
	t.Run("negative", func(t *testing.T) { runCases(t, e, checked, Negative(t)) })
	t.Run("test_bpf", func(t *testing.T) { runCases(t, e, checked, TestBPF(t)) })
	t.Run("verifier", func(t *testing.T) { runCases(t, e, checked, Verifier(t)) })
}
