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
	prog   *vm.Program
	writes bool
	arena  *Arena
}

// Arena is the memory that a program casts addresses to. Whoever runs it sees to it that
// an access there reaches nothing else, whatever the address.
type Arena struct {
	Map   int32  // its index
	Start uint64 // address of the first byte, as users of the arena see it
	Size  uint64 // bytes; at most 2 GiB

	// Accesses are the instructions, by index, that access it. What they address it by is
	// the low half of their register, to which the program may have done anything, and
	// their offset.
	Accesses []bool
}

// Of vouches for the program, and that it does not write to its context, unless
// writes is set.
func Of(p *vm.Program, writes bool) *Verified { return OfArena(p, writes, nil) }

// OfArena is Of for a program that may have an arena.
func OfArena(p *vm.Program, writes bool, a *Arena) *Verified { return &Verified{p, writes, a} }

// Arena is nil for a program that has none.
func (v *Verified) Arena() *Arena {
	if v == nil {
		return nil
	}
	return v.arena
}

// WritesContext reports whether the program may write to its context.
func (v *Verified) WritesContext() bool { return v == nil || v.writes }

// Program returns what was verified. It is nil for a nil or zero Verified,
// which proves nothing.
func (v *Verified) Program() *vm.Program {
	if v == nil {
		return nil
	}
	return v.prog
}
