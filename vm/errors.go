package vm

import "fmt"

// Error says what is wrong with a program and where. It is what Decode, Encode
// and Validate return.
type Error struct {
	Slot   int         // slot of eight bytes, counted from 0
	Insn   Instruction // what stood there; zero when the slot could not be read
	Reason string
}

func (e *Error) Error() string {
	if e.Insn == (Instruction{}) {
		return fmt.Sprintf("insn %d: %s", e.Slot, e.Reason)
	}
	return fmt.Sprintf("insn %d: %s: %s", e.Slot, e.Insn, e.Reason)
}
