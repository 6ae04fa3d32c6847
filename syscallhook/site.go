package syscallhook

import (
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/trampoline"
)

// Tactic is how a site is rewritten.
type Tactic uint8

const (
	Trap   Tactic = iota // not: Why says what stands in the way
	Mov                  // the mov of the number, and the syscall
	After                // the syscall, and what follows it
	Before               // what precedes it, and the syscall
	Short                // the syscall alone, by way of Hole
)

// String is the name in reports.
func (t Tactic) String() string { return [...]string{"trap", "mov", "after", "before", "short"}[t] }

// A Site is one syscall instruction.
type Site struct {
	Vaddr  uint64      // of the instruction
	Func   elfsym.Func // the function it is in; zero when none is known there
	Number Number
	Tactic Tactic
	Lo, Hi uint64 // the bytes that would be replaced, [Lo, Hi)
	Hole   uint64 // Short: five bytes of padding
	Why    string // Trap: the reason
}

// Number is which call a site makes, where the code right before it says so.
type Number struct {
	Value int32
	Known bool
}

// A Module is what has to be known of an ELF file; *elfsym.File is one.
type Module interface {
	trampoline.Module
	Code() []elfsym.Func
	Functions() []elfsym.Func
}

var _ Module = (*elfsym.File)(nil)

// IsSignalReturn tells whether the site is left as it is because it returns from a signal
// handler.
func (s Site) IsSignalReturn() bool { return s.Why == whySignal }
