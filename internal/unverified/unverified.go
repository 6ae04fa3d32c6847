// Package unverified gives programs to the engines without asking the verifier.
//
// Protocol. What it returns can corrupt or crash the process that runs it in
// vm/jit. Only tests, vm/gen and cmd/bpf_conformance_plugin may import it; a
// test in internal/proof reads the imports of the whole module and holds that.
package unverified

import (
	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
)

// Program vouches for p without having looked at it.
func Program(p *vm.Program) *proof.Verified { return proof.Of(p, true) }

// Load decodes and validates the code, and vouches for what it is not.
func Load(code []byte, opts vm.Options) (*proof.Verified, error) {
	p, err := vm.Load(code, opts)
	if err != nil {
		return nil, err
	}
	return proof.Of(p, true), nil
}
