package trampoline

import (
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// extent is the function that contains addr. Where neither unwind data nor the size of
// a symbol says so, a function that begins there ends where control goes no further.
func extent(mod Module, addr uint64) (elfsym.Func, bool) {
	if fn, ok := mod.FuncAt(addr); ok {
		return fn, true
	}
	room, ok := mod.Unsized(addr)
	if !ok {
		return room, false
	}
	code, err := mod.Bytes(addr, int(room.Hi-addr))
	if err != nil {
		return room, false
	}
	n, ok := codeLen(code, addr)
	return elfsym.Func{Lo: addr, Hi: addr + uint64(n)}, ok
}

// codeLen is how far control goes from the start of code: behind the first instruction
// that does not go on, and that nothing jumps over. Code in several parts is
// understood only where the next part is a branch's goal: else data may lie between.
// What leaves by an indirect jump may be a switch.
func codeLen(code []byte, addr uint64) (n int, ok bool) {
	goals, furthest := map[int]bool{}, 0
	for n < len(code) {
		in, err := x86.Decode(code[n:])
		if err != nil || in.Flow() == x86.FlowJumpIndirect {
			return 0, false
		}
		if to, ok := in.Target(code[n:], addr+uint64(n)); ok && !isCall(insn{Inst: in}) && to-addr < uint64(len(code)) {
			goals[int(to-addr)], furthest = true, max(furthest, int(to-addr))
		}
		n += in.Len
		switch {
		case fallsThrough(insn{Inst: in}):
		case furthest < n:
			return n, true
		case !goals[n]:
			return 0, false
		}
	}
	return 0, false
}
