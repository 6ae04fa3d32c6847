// Package helper knows the helper functions a program can call: the kernel's
// numbers, names and prototypes, and a Registry of what an engine has behind
// the numbers.
//
// Protocol. The table of prototypes is constant. A Registry is filled before
// the programs that use it are made and not changed while they run; reading it
// from several goroutines is then safe. The arguments of a helper come from a
// program and are hostile, unless the verifier has looked at that program.
package helper

import (
	"fmt"
	"slices"
)

// Memory is the memory of the running program as a Go helper sees it. Addresses
// are the program's. An access outside of it is an error that the helper passes
// on, which ends the run, or turns into an errno of its own.
type Memory interface {
	// Read copies len(b) bytes at addr into b.
	Read(addr uint64, b []byte) error
	// Write copies b to addr.
	Write(addr uint64, b []byte) error
}

// Caller is a Memory whose program can be called back while it waits for a helper: f is
// the address of a function that the program has handed over. An engine that runs
// machine code is none.
type Caller interface {
	Memory
	Call(f uint64, args ...uint64) (r0 uint64, err error)
}

// Func is a helper written in Go, for the interpreter: r1 to r5 come in, r0
// goes out. An error ends the run.
type Func func(m Memory, r1, r2, r3, r4, r5 uint64) (r0 uint64, err error)

// Pure makes a Func of a function that needs no memory and cannot fail.
func Pure(f func(r1, r2, r3, r4, r5 uint64) uint64) Func {
	return func(_ Memory, r1, r2, r3, r4, r5 uint64) (uint64, error) {
		return f(r1, r2, r3, r4, r5), nil
	}
}

// Entry is what engines have for one number. Either may be missing: an engine
// refuses to load a program that calls a helper it has nothing for.
type Entry struct {
	Go   Func    // for the interpreter
	Addr uintptr // for the JIT: machine code of the System V ABI, general registers only
}

// Registry maps helper numbers to what is behind them. The zero value is empty
// and ready for use; a nil *Registry is empty.
type Registry struct {
	entries map[int32]Entry
}

// Register sets the Go function of a helper and replaces an earlier one. It
// returns the registry, so that calls can be chained.
func (r *Registry) Register(id int32, f Func) *Registry {
	return r.set(id, func(e *Entry) { e.Go = f })
}

// RegisterAddr sets the machine code of a helper.
func (r *Registry) RegisterAddr(id int32, addr uintptr) *Registry {
	return r.set(id, func(e *Entry) { e.Addr = addr })
}

func (r *Registry) set(id int32, change func(*Entry)) *Registry {
	if r.entries == nil {
		r.entries = map[int32]Entry{}
	}
	e := r.entries[id]
	change(&e)
	r.entries[id] = e
	return r
}

// Lookup returns what is behind a number.
func (r *Registry) Lookup(id int32) (Entry, bool) {
	if r == nil {
		return Entry{}, false
	}
	e, ok := r.entries[id]
	return e, ok
}

// IDs returns the numbers registered, sorted.
func (r *Registry) IDs() []int32 {
	if r == nil {
		return nil
	}
	ids := make([]int32, 0, len(r.entries))
	for id := range r.entries {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Describe names a helper for an error message: "bpf_ktime_get_ns#5", or
// "helper 999" when the kernel has none of that number.
func Describe(id int32) string {
	if name := Name(id); name != "" {
		return fmt.Sprintf("bpf_%s#%d", name, id)
	}
	if p, ok := ByID(id); ok { // a kfunc: its number is ours
		return "bpf_" + p.Name
	}
	return fmt.Sprintf("helper %d", id)
}
