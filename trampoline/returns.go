package trampoline

import (
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// returnPlan is how a function's return will be probed.
type returnPlan struct {
	tactic uint32
	words  int      // b: words of the caller's frame to copy
	rets   []window // c
}

// maxWords is how much of a caller's frame tactic b copies at most.
const maxWords = 16

// planReturn tries the tactics in order. The error says why none of them is possible.
func (f *Function) planReturn(entry window) (returnPlan, error) {
	if f.isPart(f.pieces[0]) || isLinkage(f.pieces[0]) {
		return returnPlan{}, refuse("its frame is open at its first instruction: it is a part of another function")
	}
	words, why := f.frameWords()
	switch {
	case why == nil && words == 0:
		return returnPlan{tactic: abi.TACTIC_RETURN_A}, nil
	case why == nil && words <= maxWords:
		return returnPlan{tactic: abi.TACTIC_RETURN_B, words: words + words&1}, nil
	case why == nil:
		why = refuse("it reads %d words of its caller's frame", words)
	}
	rets, err := f.retWindows(entry)
	if err == nil {
		return returnPlan{tactic: abi.TACTIC_RETURN_C, rets: rets}, nil
	}
	seen := f.shadowable()
	if seen == nil {
		return returnPlan{tactic: abi.TACTIC_RETURN_D}, nil
	}
	return returnPlan{}, refuse("%s", together(why, err, seen))
}

// together says why each of a, c and d was not possible, the same only once.
func together(why, rets, seen error) string {
	s := why.Error()
	if rets.Error() != s {
		s += "; and its rets cannot be patched: " + rets.Error()
	}
	if seen.Error() != why.Error() && seen.Error() != rets.Error() {
		s += "; and " + seen.Error()
	}
	return s
}

// frameWords is how many 8-byte words from its CFA upwards the function, and
// whatever it jumps on to, may read. An error says why that is not known, or
// that it looks at its own return address.
func (f *Function) frameWords() (int, error) {
	if f.unknown != "" {
		return 0, refuse("%s", f.unknown)
	}
	if f.loops() {
		return 0, refuse("it jumps back to its own first instruction")
	}
	words := 0
	for _, p := range f.pieces {
		n, err := f.pieceWords(p)
		if err != nil {
			return 0, err
		}
		words = max(words, n)
	}
	return words, nil
}

func (f *Function) pieceWords(p piece) (words int, err error) {
	rows, err := f.mod.CFAs(p.Func)
	if err != nil || len(rows) == 0 {
		return 0, refuse("it has no unwind data, so nothing says where its frame ends")
	}
	for _, in := range p.insns {
		for len(rows) > 1 && rows[1].PC <= in.addr {
			rows = rows[1:]
		}
		if !rows[0].CFA.Known {
			return 0, refuse("its frame is known only by an expression at +%#x", in.addr-f.pieces[0].Lo)
		}
		n, err := frameAccess(in, rows[0].CFA)
		if err != nil {
			return 0, refuse("%v (+%#x)", err, in.addr-f.pieces[0].Lo)
		}
		words = max(words, n)
	}
	return words, nil
}

// frameAccess is how many words above the CFA one instruction reaches.
func frameAccess(in insn, cfa elfsym.CFA) (int, error) {
	atEntry := cfa.Reg == x86.RSP && cfa.Off == 8 // rsp points to the return address
	switch {
	case in.Flow() == x86.FlowRet && in.Op != 0xc3:
		return 0, refuse("it takes its arguments off the stack when it returns")
	case atEntry && isPop(in):
		return 0, refuse("it takes its return address off the stack")
	case atEntry && copiesRSP(in):
		return 0, refuse("it keeps the address of its return address")
	case !in.HasMem || in.Mem.Base != cfa.Reg:
		return 0, nil
	}
	above := int64(in.Mem.Disp) - cfa.Off // of the operand, from the CFA
	if in.Compressed {
		above = max(int64(in.Mem.Disp), int64(in.Mem.Disp)*64) - cfa.Off
	}
	switch {
	case above < -8:
		return 0, nil
	case in.IsLea() && in.Reg == uint8(x86.RSP) && above == -8:
		return 0, nil // frees the frame
	case above < 0:
		return 0, refuse("it reads its own return address")
	case in.IsLea() || in.Mem.Index != x86.NoReg || in.VSIB:
		return 0, refuse("it takes the address of its stack arguments")
	}
	return int(above/8) + operandWords(in), nil
}

// operandWords bounds the size of a memory operand: general 8 bytes, SSE 16,
// AVX and later 64.
func operandWords(in insn) int {
	switch {
	case in.Enc != x86.Legacy:
		return 8
	case in.Map != x86.MapOneByte:
		return 2
	}
	return 1
}

func isPop(in insn) bool {
	if in.Enc != x86.Legacy || in.Map != x86.MapOneByte {
		return false
	}
	return in.Op >= 0x58 && in.Op <= 0x5f || in.Op == 0x8f
}

// copiesRSP: mov %rsp, reg. The frame pointer is no copy of interest: the CFA
// follows it.
func copiesRSP(in insn) bool {
	if in.Enc != x86.Legacy || in.Map != x86.MapOneByte || in.HasMem {
		return false
	}
	return in.Op == 0x89 && in.Reg == uint8(x86.RSP) && in.RM != uint8(x86.RBP) ||
		in.Op == 0x8b && in.RM == uint8(x86.RSP) && in.Reg != uint8(x86.RBP)
}

// retWindows finds a window for every ret of the function.
func (f *Function) retWindows(entry window) ([]window, error) {
	if f.unknown != "" {
		return nil, refuse("%s", f.unknown)
	}
	var out []window
	for i, p := range f.pieces {
		if i > 0 && !f.isPart(p) {
			return nil, refuse("it leaves by a jump to another function, at %#x", p.Lo)
		}
		if i > 0 {
			f.readAround(p)
		}
		if at, ok := f.sharedCode(p); ok {
			return nil, refuse("something else enters it at +%#x, and would end in its rets", at-f.pieces[0].Lo)
		}
		for k, in := range p.insns {
			if in.Flow() != x86.FlowRet {
				continue
			}
			w, err := f.retWindow(p, k)
			if err != nil {
				return nil, err
			}
			if overlaps(w, entry) || len(out) > 0 && overlaps(w, out[len(out)-1]) {
				return nil, refuse("the ret at +%#x is too near to another patch", in.addr-f.pieces[0].Lo)
			}
			out = append(out, w)
		}
	}
	if len(out) == 0 {
		return nil, refuse("it never returns")
	}
	return out, nil
}

// isPart tells a cold part from another function: its frame is already open.
func (f *Function) isPart(p piece) bool {
	rows, err := f.mod.CFAs(p.Func)
	return !isLinkage(p) && err == nil && len(rows) > 0 && rows[0].CFA.Known && (rows[0].CFA.Reg != x86.RSP || rows[0].CFA.Off != 8)
}

// isLinkage: the procedure linkage table is one piece, which begins with the jump to
// the dynamic linker.
func isLinkage(p piece) bool {
	return len(p.insns) > 1 && isPush(p.insns[0]) && p.insns[0].RIPRelative() && p.insns[1].Flow() == x86.FlowJumpIndirect
}

// sharedCode finds an instruction that others, or calls of the function's own,
// enter.
func (f *Function) sharedCode(p piece) (uint64, bool) {
	for _, in := range p.insns {
		if _, own := f.goals[in.addr]; !own && in.addr != f.pieces[0].Lo && f.shared(in.addr) {
			return in.addr, true
		}
	}
	return 0, false
}

func overlaps(a, b window) bool { return a.addr < b.end() && b.addr < a.end() }

// retWindow covers the ret insns[k] and as many instructions before it as a jump
// needs; padding behind it counts.
func (f *Function) retWindow(p piece, k int) (window, error) {
	ret := p.insns[k]
	room := ret.Len
	for behind := f.bytesAt(ret.end(), 2*jumpLen+maxInsn); room < jumpLen; {
		n := f.padding(ret.addr+uint64(room), behind)
		if n == 0 {
			break
		}
		room, behind = room+n, behind[n:]
	}
	first := k
	for room < jumpLen {
		if first == 0 || f.entered(p.insns[first].addr) || !fallsThrough(p.insns[first-1]) || isCall(p.insns[first-1]) {
			return window{}, refuse("the ret at +%#x has no five bytes of its own", ret.addr-f.pieces[0].Lo)
		}
		first--
		room += p.insns[first].Len
	}
	for i, in := range p.insns[first : k+1] {
		if at, ok := f.enteredIn(in, i == 0); ok {
			return window{}, refuse("a jump leads to +%#x, in the way of the ret", at-f.pieces[0].Lo)
		}
	}
	return window{addr: p.insns[first].addr, insns: p.insns[first : k+1], len: room, tactic: abi.TACTIC_RETURN_C}, nil
}
