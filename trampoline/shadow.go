package trampoline

import (
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// shadowable says why tactic d does not fit: nil when it does. The frame lies where
// it always did, arguments on the stack included, so whatever the function jumps on
// to may read them. What may not be is that something looks at the return address,
// or returns in another way than by a plain ret.
func (f *Function) shadowable() error {
	if f.copier != "" {
		return refuse("%s is loaded, which copies stacks", f.copier)
	}
	if walker := f.mod.StackWalker(); walker != "" {
		return refuse("it may be called by code that %s has made, which looks up return addresses when it walks a stack", walker)
	}
	if !f.returns() {
		return refuse("it never returns")
	}
	for _, p := range f.pieces {
		if err := f.looksAtReturn(p); err != nil {
			return err
		}
	}
	return f.jumpsToWatcher()
}

// returns tells whether the function ends in a ret, or in a jump to code that may.
func (f *Function) returns() bool {
	for _, p := range f.pieces {
		for _, in := range p.insns {
			switch in.Flow() {
			case x86.FlowRet, x86.FlowJumpIndirect:
				return true
			}
		}
	}
	return f.unknown != ""
}

// looksAtReturn finds what in a piece reads the return address, or moves it. The
// function's own code must have frame rules.
func (f *Function) looksAtReturn(p piece) error {
	rows, err := f.mod.CFAs(p.Func)
	if err != nil || len(rows) == 0 || !rows[0].CFA.Known {
		if f.owns(p) {
			return refuse("nothing says where its return address is: it has no unwind data, or a frame known only by an expression")
		}
		return nil
	}
	copies := map[uint8]bool{} // registers that point to the return address
	all := rows
	for _, in := range p.insns {
		for len(rows) > 1 && rows[1].PC <= in.addr {
			rows = rows[1:]
		}
		if !rows[0].CFA.Known {
			continue // an aligned frame: the return address lies at no fixed distance, so only copies lead to it
		}
		to, err := returnAccess(in, rows[0].CFA)
		if err != nil {
			return refuse("%v (%s)", err, f.place(in.addr))
		}
		if to != x86.NoReg && !isFrame(to, all) {
			copies[uint8(to)] = true
		}
	}
	return f.readsThrough(p, copies)
}

// isFrame: what is read through a register that the frame is known by is seen there.
func isFrame(r x86.Reg, rows []elfsym.CFARow) bool {
	return slices.ContainsFunc(rows, func(row elfsym.CFARow) bool { return row.CFA.Known && row.CFA.Reg == r })
}

// readsThrough finds an access through a pointer to the return address that may be
// one of it.
func (f *Function) readsThrough(p piece, copies map[uint8]bool) error {
	for _, in := range p.insns {
		if in.HasMem && !in.IsLea() && in.Mem.Base < 16 && copies[uint8(in.Mem.Base)] && !in.VSIB &&
			(in.Mem.Index != x86.NoReg || in.Mem.Disp > -8 && in.Mem.Disp < 8) {
			return refuse("it may read its own return address (%s)", f.place(in.addr))
		}
	}
	return nil
}

// returnAccess is the register, if any, that an instruction lets point to the return
// address. An error says that it reads or moves it.
func returnAccess(in insn, cfa elfsym.CFA) (to x86.Reg, err error) {
	to = x86.NoReg
	atEntry := cfa.Reg == x86.RSP && cfa.Off == 8
	switch {
	case in.Flow() == x86.FlowRet && in.Op != 0xc3:
		return to, refuse("it takes its arguments off the stack when it returns")
	case atEntry && isPop(in):
		return to, refuse("it takes its return address off the stack")
	case atEntry && copiesRSP(in):
		return x86.Reg(copyOf(in)), nil
	case !in.HasMem || in.Mem.Base != cfa.Reg:
		return to, nil
	}
	switch above := int64(in.Mem.Disp) - cfa.Off; {
	case above < -8 || above >= 0 || in.Compressed:
		return to, nil
	case in.IsLea() && above == -8 && in.Mem.Index == x86.NoReg:
		if in.Reg != uint8(x86.RSP) { // else it frees the frame
			to = x86.Reg(in.Reg)
		}
		return to, nil
	case isPush(in) && cfa.Reg != x86.RSP && cfa.Reg != x86.RBP:
		return to, nil // gcc copies it when it aligns a frame, for debuggers
	}
	return to, refuse("it reads its own return address")
}

// copyOf is the register that copiesRSP copies to.
func copyOf(in insn) uint8 {
	if in.Op == 0x89 {
		return in.RM
	}
	return in.Reg
}

func isPush(in insn) bool {
	return in.Enc == x86.Legacy && in.Map == x86.MapOneByte && in.Op == 0xff && in.Reg&7 == 6
}

// watchers are functions that look at their return address, or return twice to it.
// Who jumps to one of them shows it ours. What a function does in the same file is
// found by looking; these are met through the global offset table.
var watchers = []string{
	"dlopen", "dlmopen", "dlsym", "dlvsym", "dl_iterate_phdr",
	"vfork", "__vfork", "setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp", "getcontext", "savectx",
	"mcount", "_mcount", "__fentry__",
}

// jumpsToWatcher looks at the slots of the global offset table that the function
// jumps through, itself or by way of the procedure linkage table.
func (f *Function) jumpsToWatcher() error {
	for _, p := range f.pieces {
		if !f.owns(p) {
			continue
		}
		for _, in := range p.insns {
			if name := f.jumpImport(in); slices.Contains(watchers, name) {
				return refuse("it leaves by a jump to %s, which looks at its return address", name)
			}
		}
	}
	for goal := range f.goals {
		if name := f.pltImport(goal); slices.Contains(watchers, name) {
			return refuse("it leaves by a jump to %s, which looks at its return address", name)
		}
	}
	return nil
}

// jumpImport is the name behind `jmp *slot(%rip)`.
func (f *Function) jumpImport(in insn) string {
	if in.Flow() != x86.FlowJumpIndirect {
		return ""
	}
	slot, ok := in.RIPTarget(in.addr)
	if !ok {
		return ""
	}
	return f.mod.Import(slot)
}

// pltImport is the name behind an entry of the procedure linkage table.
func (f *Function) pltImport(goal uint64) string {
	b := f.bytesAt(goal, 4+maxInsn)
	in, err := x86.Decode(b)
	if err == nil && in.IsEndbr64() {
		goal, b = goal+4, b[4:]
		in, err = x86.Decode(b)
	}
	if err != nil {
		return ""
	}
	return f.jumpImport(insn{Inst: in, addr: goal, b: b[:in.Len]})
}
