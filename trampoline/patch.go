package trampoline

import (
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
)

// maxPatch is how many bytes one patch replaces at most.
const maxPatch = 16

// taken is the bytes of the text that patches of a module replace.
type taken map[uint64]struct{}

// free tells whether no patch has touched [addr, addr+n).
func (t taken) free(addr uint64, n int) bool {
	for i := range uint64(n) {
		if _, ok := t[addr+i]; ok {
			return false
		}
	}
	return true
}

func (t taken) take(addr uint64, n int) {
	for i := range uint64(n) {
		t[addr+i] = struct{}{}
	}
}

func (a *Arena) release(p plan.Patch) {
	for i := range p.Text {
		delete(a.taken, p.Vaddr+uint64(i))
	}
}

// Avoid takes the bytes that another unit of the same module replaces.
func (a *Arena) Avoid(patches []plan.Patch) {
	for _, p := range patches {
		a.taken.take(p.Vaddr, len(p.Text))
	}
}

// patch leads a window to its stub: by an int3, by way of an outpost, by the jump that replaces it, or first
// the jump in a hole and then the short one that leads there. An applier writes patches
// in order and undoes them in the reverse, so nobody ever enters a hole without a jump.
func (a *Arena) patch(w window, stub uint32) error {
	room := jumpLen
	switch {
	case w.lead != nil:
		a.Patches[w.lead.patch].Stub, w.lead.taken = stub, true
		return nil
	case w.tactic == abi.TACTIC_TRAP:
		return a.replace(w.addr, trapLen, w.tactic, stub, []byte{plan.Fill})
	case w.outpost != 0:
		return a.placePun(w, stub)
	case w.hole == 0:
		return a.replace(w.addr, w.len, w.tactic, stub, jump())
	case w.evicted != nil:
		if err := a.move(*w.evicted); err != nil {
			return err
		}
		room = w.evicted.len - jumpLen
	}
	if err := a.replace(w.hole, room, w.tactic, stub, jump()); err != nil {
		return err
	}
	return a.replace(w.addr, w.len, w.tactic, stub, shortJump(w.addr, w.hole))
}

// move lets the instructions of a window run in the arena; its first bytes lead there.
func (a *Arena) move(w window) error {
	stub := a.Align(16)
	if err := a.displaced(w); err != nil {
		return err
	}
	return a.replace(w.addr, jumpLen, w.tactic, stub, jump())
}

// jump is `jmp rel32`, its field empty.
func jump() []byte { return []byte{0xe9, 0, 0, 0, 0} }

// shortJump is `jmp rel8`; reaches says that it can be one.
func shortJump(from, to uint64) []byte { return []byte{0xeb, byte(to - from - shortLen)} }

// replace writes code over n bytes at addr, and int3 behind it.
func (a *Arena) replace(addr uint64, n int, tactic, stub uint32, code []byte) error {
	orig, err := a.mod.Bytes(addr, n)
	if err != nil || n > maxPatch {
		return refuse("the %d bytes at %#x cannot be replaced: %v", n, addr, err)
	}
	if !a.taken.free(addr, n) {
		return refuse("another probe has replaced bytes at %#x", addr)
	}
	if a.Intact != nil {
		if err := a.Intact(addr, orig); err != nil {
			return refuse("%v", err)
		}
	}
	text := append(make([]byte, 0, n), code...)
	for len(text) < n {
		text = append(text, plan.Fill)
	}
	p := plan.Patch{Vaddr: addr, Tactic: tactic, Stub: stub, RelAt: abi.PATCH_NO_REL, Orig: orig, Text: text}
	if code[0] == 0xe9 {
		p.RelAt = 1
	}
	a.Patches = append(a.Patches, p)
	a.taken.take(addr, n)
	return nil
}

// reaches tells whether `jmp rel8` at from leads to to.
func reaches(from, to uint64) bool {
	rel := int64(to - from - shortLen)
	return rel >= -128 && rel <= 127
}

// Last says that Place was tried for every site: what was refused then may now take
// bytes beside the site, too. In this order no probe fails because of another
// function's detour.
func (a *Arena) Last() { a.last = true }

// entryWindow is where the programs of an entry get in.
func (a *Arena) entryWindow(f *Function) (window, error) { return a.window(f, f.entryWindow) }

// window tries the tactics in order; at finds the window of as many bytes at the
// site. The reason is that of each.
func (a *Arena) window(f *Function, at func(need int) (window, error)) (window, error) {
	if f.returnsFromSignal() {
		return window{}, refuse("it returns from a signal handler, and unwinders and debuggers know it by its bytes")
	}
	w, err := a.own(at(jumpLen))
	if err == nil || !a.last {
		return w, err
	}
	w, why := a.detour(f, at)
	if why == nil {
		return w, nil
	}
	if a.Vacant != nil {
		if w, pun := a.pun(f, at); pun == nil {
			return w, nil
		}
	}
	if !a.Traps {
		return w, refuse("%v; %v", err, why)
	}
	return a.trap(at)
}

// trapLen is the length of int3.
const trapLen = 1

// trap is an int3 in the place of an instruction's first byte. All of it runs in the
// stub; who jumps between its bytes finds the others as they were.
func (a *Arena) trap(at func(need int) (window, error)) (window, error) {
	w, err := a.own(at(trapLen))
	w.tactic = abi.TACTIC_TRAP
	return w, err
}

// detour tries the tactics that begin with a jmp rel8.
func (a *Arena) detour(f *Function, at func(need int) (window, error)) (window, error) {
	w, err := a.own(at(shortLen))
	if err != nil {
		return w, err
	}
	short, err := a.short(f, w)
	if err == nil {
		return short, nil
	}
	evict, why := a.evict(f, w)
	if why != nil {
		return w, refuse("%v; %v", err, why)
	}
	return evict, nil
}

// own refuses a window that another patch has touched.
func (a *Arena) own(w window, err error) (window, error) {
	if err == nil && !a.taken.free(w.addr, w.len) {
		if over, ok := a.over(w); ok {
			return over, nil
		}
		err = refuse("another probe has replaced some of the %d bytes it needs", w.len)
	}
	return w, err
}
