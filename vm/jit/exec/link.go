package exec

import (
	"encoding/binary"
	"fmt"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/jit"
)

// linker decides where the relocations of a program lead.
type linker struct {
	opts    Options
	helpers []helper.Func
	thunks  map[int32]int // helper number -> index into helpers
}

// inGo reports whether a helper is reached through a thunk, which lies beside
// the code. Where machine code lies is unknown.
func (l *linker) inGo(id int32) bool {
	entry, _ := l.opts.Helpers.Lookup(id)
	return id == vm.TailCall || entry.Addr == 0
}

// callX lists what callx may call by number.
func (l *linker) callX(p *vm.Program) []int32 {
	if p == nil || !p.Dynamic() {
		return nil
	}
	return l.opts.Helpers.IDs()
}

// link returns the code of p with its relocations resolved and its thunks
// behind it:
//
//	code … | address of helperExit | thunk 0 | thunk 1 | …
func (l *linker) link(p *Program) ([]byte, error) {
	for _, r := range p.code.Relocs {
		if err := l.addThunk(r); err != nil {
			return nil, err
		}
	}
	text := append([]byte(nil), p.code.Text...)
	for len(text)%8 != 0 {
		text = append(text, 0xcc)
	}
	thunks, offsets, err := l.assembleThunks(p.id)
	if err != nil {
		return nil, err
	}
	base := len(text)
	text = append(text, thunks...)
	for _, r := range p.code.Relocs {
		if err := l.resolve(text, r, base, offsets); err != nil {
			return nil, err
		}
	}
	p.helpers = l.helpers
	return text, nil
}

// addThunk sees to it that what the relocation needs from Go has a thunk.
func (l *linker) addThunk(r jit.Reloc) error {
	var f helper.Func
	switch {
	case r.Target == jit.TargetTailCall:
		f = l.tailCall
	case r.Target == jit.TargetHelper && l.inGo(r.ID):
		entry, _ := l.opts.Helpers.Lookup(r.ID)
		if f = entry.Go; f == nil {
			return fmt.Errorf("exec: the program calls %s, which is not registered", helper.Describe(r.ID))
		}
	default:
		return nil
	}
	if _, ok := l.thunks[r.ID]; !ok {
		l.thunks[r.ID] = len(l.helpers)
		l.helpers = append(l.helpers, f)
	}
	return nil
}

// tailCall is TargetTailCall.
func (l *linker) tailCall(_ helper.Memory, _, array, index, _, _ uint64) (uint64, error) {
	if l.opts.TailCall == nil {
		return 0, nil
	}
	p := l.opts.TailCall(array, uint32(index))
	if p == nil {
		return 0, nil
	}
	return uint64(p.text.addr) + uint64(p.code.TailEntry), nil
}

// assembleThunks makes a thunk for every helper: it says which helper of which
// program, in registers that a call does not keep, and goes to helperExit.
func (l *linker) assembleThunks(program uint32) (code []byte, offsets []int, err error) {
	var a x86.Assembler
	exit := a.NewLabel()
	a.Bind(exit)
	a.Data(binary.LittleEndian.AppendUint64(nil, uint64(helperExitAddr()))...)
	labels := make([]x86.Label, len(l.helpers))
	for n := range l.helpers {
		labels[n] = a.NewLabel()
		a.Bind(labels[n])
		a.Emit(
			x86.Mov(x86.W32, x86.RAX, x86.Imm(n)),
			x86.Mov(x86.W32, x86.R10, x86.Imm(program)),
			x86.Jmp(x86.PtrLabel(exit, 0)))
	}
	code, _, err = a.Assemble()
	for _, label := range labels {
		at, _ := a.Offset(label)
		offsets = append(offsets, at)
	}
	return code, offsets, err
}

// resolve writes the field of a relocation.
func (l *linker) resolve(text []byte, r jit.Reloc, thunks int, offsets []int) error {
	field := text[r.Offset:]
	if r.Kind == jit.RelocRel32 { // only thunks are near
		to := thunks + offsets[l.thunks[r.ID]]
		binary.LittleEndian.PutUint32(field, uint32(int64(to-r.Offset)+r.Addend))
		return nil
	}
	addr, err := l.address(r)
	binary.LittleEndian.PutUint64(field, addr+uint64(r.Addend))
	return err
}

// address is where a target outside of the code lies.
func (l *linker) address(r jit.Reloc) (uint64, error) {
	var values []uint64
	switch r.Target {
	case jit.TargetHelper:
		entry, _ := l.opts.Helpers.Lookup(r.ID)
		return uint64(entry.Addr), nil
	case jit.TargetMap:
		values = l.opts.Maps
	case jit.TargetMapValue:
		values = l.opts.MapValues
	}
	if int(r.ID) >= len(values) || values[r.ID] == 0 {
		return 0, fmt.Errorf("exec: the program refers to %s %d, which is not there", r.Target, r.ID)
	}
	return values[r.ID], nil
}
