package trampoline

import (
	"encoding/binary"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// Limits of what is evicted: room for two jumps, and no more than two patches hold.
const (
	evictMin = 2 * jumpLen
	evictMax = jumpLen + maxPatch
)

// farFromEntry is how much at the start of a neighbour is left alone: what a later
// plan may want for a probe of its own.
const farFromEntry = 16

// evict makes room for the jump where instructions stand (e9patch's tactic T3): two
// jumps replace them, one to where they run now, and one to the stub.
//
//	window: jmp  run+5
//	run:    jmp  evicted           evicted: <the instructions of run>; jmp behind run
//	run+5:  jmp  stub              stub:    ...; <displaced>; jmp behind window
func (a *Arena) evict(f *Function, w window) (window, error) {
	w.tactic = abi.TACTIC_EVICT
	if a.mod.Restartable() {
		return w, refuse("there are restartable sequences in the file, so instructions do not make room")
	}
	lo, hi := w.addr-min(w.addr, shortReach), w.addr+shortReach
	fns := a.mod.FuncsIn(lo, hi)
	if run, ok := a.evictable(f, w, f.pieces[0].Lo); ok {
		return w.over(run), nil
	}
	for _, fn := range fns {
		if fn == f.pieces[0].Func {
			continue
		}
		g, err := Read(a.mod, a.branches, fn.Lo)
		if err != nil {
			continue
		}
		if run, ok := a.evictable(g, w, fn.Lo+farFromEntry); ok {
			return w.over(run), nil
		}
	}
	return w, refuse("no instructions within 127 bytes can make room")
}

// over is the window with its jump in the place of run.
func (w window) over(run window) window {
	w.evicted, w.hole = &run, run.addr+jumpLen
	return w
}

// evictable finds instructions of f from lo on that can make room for w, those that
// are furthest from it: what is entered behind its first bytes is often a loop.
func (a *Arena) evictable(f *Function, w window, lo uint64) (best window, found bool) {
	if f.unknown != "" || f.jumpsByRet() {
		return best, false // an indirect jump may be a computed goto
	}
	f = f.withAddresses()
	insns := f.reached()
	for i := range insns {
		run, ok := f.runAt(insns[i:])
		if !ok || run.addr < lo || !reaches(w.addr, run.addr+jumpLen) || !a.taken.free(run.addr, run.len) {
			continue
		}
		apart := run.addr >= w.end() || run.end() <= w.addr
		if apart && (!found || distance(run.addr, w.addr) > distance(best.addr, w.addr)) {
			best, found = run, true
		}
	}
	return best, found
}

// runAt is the instructions from insns[0] on that two jumps replace: nobody enters
// but at the first, and each goes on to the next.
func (f *Function) runAt(insns []insn) (window, bool) {
	w := window{addr: insns[0].addr, tactic: abi.TACTIC_EVICT}
	for _, in := range insns {
		if w.len >= evictMin {
			break
		}
		if _, entered := f.enteredIn(in, w.len == 0); entered || in.addr != w.end() || in.Flow() != x86.FlowNext {
			return w, false
		}
		w.insns = append(w.insns, in)
		w.len += in.Len
	}
	return w, w.len >= evictMin && w.len <= evictMax
}

// jumpsByRet tells whether the function, or what it jumps on to, returns to an address
// that it has just put on the stack: a computed goto through a retpoline is one.
func (f *Function) jumpsByRet() bool {
	for _, p := range f.pieces {
		for i, in := range p.insns[1:] {
			if in.Flow() == x86.FlowRet && putsAddress(p.insns[i]) {
				return true
			}
		}
	}
	return false
}

// putsAddress: push, or mov %reg, (%rsp).
func putsAddress(in insn) bool {
	if in.Enc != x86.Legacy || in.Map != x86.MapOneByte {
		return false
	}
	toTop := in.HasMem && in.Mem.Base == x86.RSP && in.Mem.Index == x86.NoReg && in.Mem.Disp == 0
	return in.Op&0xf8 == 0x50 || in.Op == 0xff && in.Reg&7 == 6 || in.Op == 0x89 && toTop
}

// withAddresses is the function with every address as a goal that its code or a
// table may take: what hand-written code jumps to, or returns to, by a register.
func (f *Function) withAddresses() *Function {
	with := *f
	with.goals = map[uint64]struct{}{}
	for to := range f.goals {
		with.goals[to] = struct{}{}
	}
	f = &with
	f.addGotos()
	for _, in := range f.pieces[0].insns {
		if to, ok := in.RIPTarget(in.addr); ok {
			f.goals[to] = struct{}{}
		}
		if in.Imm.Len == 4 { // of a program that is not position-independent
			f.goals[uint64(binary.LittleEndian.Uint32(in.b[in.Imm.Off:]))] = struct{}{}
		}
	}
	return f
}

// reached is the instructions that control comes to from the function's start, by
// fall-through, branches, tables and landing pads. Others may be data.
func (f *Function) reached() (out []insn) {
	p := f.pieces[0]
	seen := make([]bool, len(p.insns))
	todo := []uint64{p.Lo}
	for _, list := range [][]uint64{f.tableGoals(p), f.landingPads(p)} {
		todo = append(todo, list...)
	}
	for len(todo) > 0 {
		i, err := p.index(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		for ; err == nil && i < len(seen) && !seen[i]; i++ {
			in := p.insns[i]
			seen[i] = true
			if to, ok := in.Target(in.b, in.addr); ok && !isCall(in) {
				todo = append(todo, to)
			}
			if !fallsThrough(in) {
				break
			}
		}
	}
	for i, in := range p.insns {
		if seen[i] {
			out = append(out, in)
		}
	}
	return out
}

func (f *Function) landingPads(p piece) []uint64 {
	pads, _ := f.mod.LandingPads(p.Func) // what is wrong with them made f blind
	return pads
}
