// Package proof holds the one type that says a program may run unchecked.
//
// Protocol. vm/jit accepts only a *Verified. Only two packages call Of, and a
// test here holds that: vm/verifier, after it has proved the program safe, and
// internal/unverified, for tests. The package is internal and the
// field unexported, so no user of the module can make one any other way.
package proof

import "github.com/bpftime-go/bpftime/vm"

// Verified is a program that may run without run-time checks. It never changes.
type Verified struct {
	prog *vm.Program
}

// Of vouches for the program.
func Of(p *vm.Program) *Verified { return &Verified{prog: p} }

// Program returns what was verified. It is nil for a nil or zero Verified,
// which proves nothing.
func (v *Verified) Program() *vm.Program {
	if v == nil {
		return nil
	}
	return v.prog
}
