package trampoline

import (
	"encoding/binary"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
)

// pageLen is the size of a page.
const pageLen = 1 << 12

// pun is a jmp rel32 whose last bytes are those of the next instruction, which stays
// what it is for who jumps there (instruction punning). So the upper bytes of its
// distance are given: it leads to an outpost, at the first place among those left
// that is in a page which nobody uses.
//
//	window: e9 LL | HH HH HH       LL is free, HH what follows the window
func (a *Arena) pun(f *Function, at func(need int) (window, error)) (window, error) {
	w, err := f.punWindow(at)
	if err != nil {
		return w, err
	}
	if !a.taken.free(w.addr, jumpLen) {
		return w, refuse("another probe has replaced bytes that a punned jump needs")
	}
	b, err := a.mod.Bytes(w.addr, jumpLen)
	if err != nil {
		return w, refuse("a punned jump has no bytes behind the function: %v", err)
	}
	given := binary.LittleEndian.Uint32(b[1:]) &^ (1<<(8*(w.len-1)) - 1)
	first := w.addr + jumpLen + uint64(int64(int32(given)))
	w.tactic = abi.TACTIC_PUN
	w.outpost, err = a.vacancy(first, uint64(1)<<(8*(w.len-1)))
	return w, err
}

// punWindow is the whole instructions in the first four bytes, as many as there are;
// the byte behind them must be the function's own, so that no other's probe wants it.
func (f *Function) punWindow(at func(need int) (window, error)) (w window, err error) {
	for need := jumpLen - 1; need > 0; need-- {
		if w, err = at(need); err == nil && w.lead == nil && w.len < jumpLen {
			break
		}
	}
	switch {
	case err != nil:
		return w, err
	case w.lead != nil || w.len >= jumpLen:
		return w, refuse("its first instruction has no less than five bytes")
	case w.addr+jumpLen > f.pieces[0].Hi:
		return w, refuse("a punned jump would end in bytes of the function behind it")
	}
	for i, in := range w.insns { // a window of one byte is found without asking
		if at, entered := f.enteredIn(in, i == 0); entered {
			return w, refuse("a jump leads to +%#x, inside the first instruction", at-f.pieces[0].Lo)
		}
	}
	return w, nil
}

// vacancy is an address in [first, first+n) where an outpost can stand.
func (a *Arena) vacancy(first, n uint64) (uint64, error) {
	for at := first; at-first < n; at = (at | (pageLen - 1)) + 1 {
		to := at
		if to%pageLen > pageLen-abi.OUTPOST_SIZE {
			continue
		}
		if len(a.Outposts) < abi.UNIT_OUTPOSTS && !a.hasOutpost(to) && a.Vacant(to&^(pageLen-1)) {
			return to, nil
		}
	}
	return 0, refuse("where a punned jump could lead nothing is free")
}

func (a *Arena) hasOutpost(addr uint64) bool {
	for _, o := range a.Outposts {
		if o.Vaddr/pageLen == addr/pageLen {
			return true
		}
	}
	return false
}

// placePun writes the jump of a window and notes its outpost. All five bytes are the
// patch's, those that stay as well.
func (a *Arena) placePun(w window, stub uint32) error {
	code := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(w.outpost-w.addr-jumpLen))
	if err := a.replace(w.addr, jumpLen, w.tactic, stub, code); err != nil {
		return err
	}
	a.Patches[len(a.Patches)-1].RelAt = abi.PATCH_NO_REL
	a.Outposts = append(a.Outposts, plan.Outpost{Vaddr: w.outpost, Stub: stub})
	return nil
}
