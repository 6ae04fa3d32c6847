package interp

import (
	"errors"
	"fmt"

	"github.com/bpftime-go/bpftime/vm"
)

// What a *Fault can be, for errors.Is.
var (
	ErrMemory = errors.New("invalid memory access")
	ErrBudget = errors.New("instruction budget used up")
	ErrDepth  = errors.New("call stack too deep")
	ErrCall   = errors.New("invalid call")
)

// Fault is an error of the running program, and where it happened.
type Fault struct {
	Program *vm.Program // not the one that was started, after a tail call
	Slot    int
	Insn    vm.Instruction
	Err     error
}

func (f *Fault) Error() string { return fmt.Sprintf("insn %d: %s: %v", f.Slot, f.Insn, f.Err) }

func (f *Fault) Unwrap() error { return f.Err }
