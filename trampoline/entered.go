package trampoline

import "github.com/bpftime-go/bpftime/internal/x86"

// EnteredIn finds where control may arrive in the bytes of the instruction in at addr,
// in this function or in the padding behind it, other than from the instruction before
// it. At its start anybody may arrive if it is the first of a window.
func (f *Function) EnteredIn(addr uint64, in x86.Inst, first bool) (uint64, bool) {
	return f.enteredIn(insn{Inst: in, addr: addr}, first)
}
