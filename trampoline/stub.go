package trampoline

import (
	"encoding/binary"
	"slices"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// A Program is one program on a site.
type Program struct {
	Link   uint32 // index in the plan's links
	Code   uint32 // offset of its first instruction in the unit's code
	Cookie uint64
	// Leaf: it looks at nothing in its context, calls nothing, and changes no
	// register but rax and rcx.
	Leaf bool
	// Writes: it may write to its context, so all of that is put back.
	Writes bool
	// Overrides: it may return for the function. Then it also Writes.
	Overrides bool

	// Context, of one at a system call, is what it is given: one of abi.SYSCALL_*.
	Context uint32

	session uint32 // its number among the session programs of the function, from 1
	again   int64  // 1: the list is the second of one site, which is counted once
}

// thunk is the helper for a list of programs: leaf programs need less saved, those
// that write need more put back.
func thunk(full uint32, programs []Program) uint32 {
	switch {
	case slices.ContainsFunc(programs, func(p Program) bool { return p.Writes }):
		return full + abi.HELPER_WRITE
	case slices.ContainsFunc(programs, func(p Program) bool { return !p.Leaf }):
		return full
	}
	return full + abi.HELPER_LEAF
}

func overrides(p Program) bool { return p.Overrides }

// An Arena is a unit that stubs are written into. Its thunks are called through
// slots, since the agent's own code may be out of reach of a rel32.
type Arena struct {
	*plan.Unit
	slots    map[uint32]uint32 // helper -> offset of its address in the code
	mod      Module
	branches *Branches // of the module
	// Intact is asked of the bytes that a patch will replace: an error refuses the
	// patch. nil: they are as in the file.
	Intact func(vaddr uint64, orig []byte) error
	// Copier is a file that moves slices of stacks about, where one is loaded: tactic
	// d is refused then.
	Copier string
	// Vacant tells whether nobody uses the page at an address relative to the module,
	// nor soon will. nil: that is not known, so no jump is punned.
	Vacant func(page uint64) bool
	// Traps: where no jump fits, an int3. SIGTRAP is ours in the process.
	Traps bool
	taken taken
	leads map[uint64]*lead
	last  bool // every site that a plain jump reaches has it
}

// NewArena starts a unit's code. addrs are the functions of the module that will
// be placed.
func NewArena(u *plan.Unit, mod Module, addrs []uint64) *Arena {
	return &Arena{Unit: u, slots: map[uint32]uint32{}, mod: mod, branches: ScanBranches(mod, addrs), taken: taken{}, leads: map[uint64]*lead{}}
}

// slot is where the address of a helper lies.
func (a *Arena) slot(helper uint32) uint32 {
	at, ok := a.slots[helper]
	if !ok {
		a.Align(8)
		at = a.Field(abi.RELOC_HELPER_ABS64, helper, 0)
		a.slots[helper] = at
	}
	return at
}

// runs writes the list of struct bpftime_run that a thunk walks. skip is the code that
// returns for the function at ip, or 0.
func (a *Arena) runs(programs []Program, ip uint64, skip uint32) uint32 {
	at := a.Align(8)
	for _, p := range programs {
		a.Field(abi.RELOC_ARENA_ABS64, 0, int64(p.Code))
		a.Field(abi.RELOC_LINK_COUNTER32, p.Link, p.again)
		a.Emit32(p.session | p.Context)
		a.Emit64(p.Cookie)
		if p.Context == 0 {
			a.Field(abi.RELOC_MODULE_ABS64, 0, int64(ip))
		} else {
			a.Emit64(0)
		}
		if p.Overrides && skip != 0 {
			a.Field(abi.RELOC_ARENA_ABS64, 0, int64(skip))
		} else {
			a.Emit64(0)
		}
	}
	a.Emit64(0) // fn = 0 ends the list
	return at
}

func (a *Arena) callSlot(slot uint32) { a.Emit(0xff, 0x15); a.Rel32(slot) } // call *slot(%rip)
func (a *Arena) jumpSlot(slot uint32) { a.Emit(0xff, 0x25); a.Rel32(slot) } // jmp *slot(%rip)
func (a *Arena) pushSlot(slot uint32) { a.Emit(0xff, 0x35); a.Rel32(slot) } // push slot(%rip)

// alignBehind pads so that what follows n bytes of data is a multiple of 16.
func (a *Arena) alignBehind(n uint32) {
	for (a.Len()+n)%16 != 0 {
		a.Emit(plan.Fill)
	}
}

// displaced writes the overwritten instructions and the jump back.
func (a *Arena) displaced(w window) error {
	if w.lead != nil {
		a.Emit(0xe9)
		a.Rel32(w.lead.stub)
		return nil
	}
	fallsThrough, err := a.parts(w, w.insns)
	if err != nil {
		return err
	}
	if fallsThrough {
		a.Emit(0xe9)
		a.ModuleRel32(w.end(), 0)
	}
	return nil
}

// moved appends relocated code and turns its fixups into relocations.
func (a *Arena) moved(m x86.Relocated) {
	base := a.Emit(m.Code...)
	for _, f := range m.Fixups {
		r := plan.Reloc{Kind: abi.RELOC_MODULE_REL32, At: base + uint32(f.At), Addend: int64(f.Target) - int64(f.Tail)}
		if f.Kind == x86.FixAbs64 {
			r.Kind, r.Addend = abi.RELOC_MODULE_ABS64, int64(f.Target)
		}
		a.Relocs = append(a.Relocs, r)
	}
}

// entryStub, up to what is displaced:
//
//	skip: ret                        where a program may return for the function
//	      .quad runs
//	stub: call  *entry(%rip)
//
// returns writes what runs the programs on return before such a ret.
func (a *Arena) entryStub(f *Function, programs []Program, returns func() uint32) uint32 {
	if !slices.ContainsFunc(programs, overrides) {
		return a.entryCall(f, programs, 0)
	}
	a.Align(16)
	skip := returns()
	a.Emit(opRet)
	return a.entryCall(f, programs, skip)
}

const opRet = 0xc3

func (a *Arena) entryCall(f *Function, programs []Program, skip uint32) uint32 {
	runs, slot := a.runs(programs, f.pieces[0].Lo, skip), a.slot(thunk(abi.HELPER_ENTRY, programs))
	a.alignBehind(8)
	a.Field(abi.RELOC_ARENA_ABS64, 0, int64(runs))
	stub := a.Len()
	a.callSlot(slot)
	return stub
}

// returnStub, tactics a, b and d; the call only where the entry is probed too:
//
//	      .quad runs_of_entry
//	stub: call  *entry(%rip)
//	      push  body_slot(%rip)
//	      jmp   *return(%rip)
//	body_slot: .quad body
//	      .quad runs_of_return
//	body: <displaced>; jmp back
//
// Where a program may return for the function, the same stands before with a ret for a
// body, so that it returns as always for those on return.
func (a *Arena) returnStub(f *Function, w window, entry, ret []Program, how returnPlan) (uint32, error) {
	a.lists(w)
	runs, slot := a.runs(ret, f.pieces[0].Lo, 0), a.slot(returnHelper(how, ret))
	call := func() uint32 { return a.returnCall(runs, slot) }
	if len(entry) == 0 {
		a.Align(16)
		stub := call()
		return stub, a.displaced(w)
	}
	stub := a.entryStub(f, entry, call)
	call()
	return stub, a.displaced(w)
}

// returnCall is the part of a returnStub between call and body: it calls what follows.
func (a *Arena) returnCall(runs, slot uint32) uint32 {
	push := a.Len()
	a.pushSlot(0)
	a.jumpSlot(slot)
	a.Align(8)
	bodySlot := a.Len()
	a.Field(abi.RELOC_ARENA_ABS64, 0, int64(bodySlot+16))
	a.Field(abi.RELOC_ARENA_ABS64, 0, int64(runs))
	binary.LittleEndian.PutUint32(a.Code[push+2:], bodySlot-(push+6))
	return push
}

func returnHelper(how returnPlan, ret []Program) uint32 {
	writes := thunk(0, ret) == abi.HELPER_WRITE
	switch {
	case how.tactic == abi.TACTIC_RETURN_D && writes:
		return abi.HELPER_RETURN_D_WRITE
	case how.tactic == abi.TACTIC_RETURN_D:
		return abi.HELPER_RETURN_D
	case how.tactic != abi.TACTIC_RETURN_B:
		return thunk(abi.HELPER_RETURN, ret)
	}
	copies := abi.HELPER_RETURN_COPY + uint32(how.words)/2 - 1
	if writes {
		return copies + abi.HELPER_WRITE
	}
	return copies
}

// retStub, tactic c, for one ret:
//
//	stub: <displaced, without the ret>
//	      jmp   1f
//	      .quad runs
//	1:    call  *return_site(%rip)
//	      ret
//
// The jump is there because the list's address lies right before the call.
func (a *Arena) retStub(w window, runs, slot uint32) (uint32, error) {
	a.lists(w)
	stub := a.Align(16)
	last := len(w.insns) - 1
	if _, err := a.parts(w, w.insns[:last]); err != nil {
		return 0, err
	}
	a.Emit(0xeb, 8)
	a.returnSite(runs, slot)
	a.Emit(w.insns[last].b...)
	return stub, nil
}

// returnSite runs the list of a ret that follows.
func (a *Arena) returnSite(runs, slot uint32) uint32 {
	a.Field(abi.RELOC_ARENA_ABS64, 0, int64(runs))
	at := a.Len()
	a.callSlot(slot)
	return at
}
