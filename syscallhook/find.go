package syscallhook

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// Limits of what is kept of a hostile file. Libc has some five hundred sites, and
// trampoline reads no larger function.
const (
	maxSites = 1 << 16
	maxBody  = 256 << 10
)

// Find lists the syscall instructions of a module by address, each with its tactic.
func Find(mod Module) ([]Site, error) {
	sites := outside(mod)
	var bodies []*body
	n := len(sites)
	for _, fn := range mod.Functions() {
		b := read(mod, fn)
		if n += len(b.syscalls); n > maxSites {
			return nil, fmt.Errorf("more than %d syscall instructions", maxSites)
		}
		if len(b.syscalls) > 0 {
			bodies = append(bodies, b)
		}
	}
	p := newPlacer(mod, bodies, sites)
	for i := range sites {
		p.doubt(&sites[i])
		p.adopt(&sites[i])
	}
	sites = append(sites, p.place(bodies)...)
	slices.SortFunc(sites, func(a, b Site) int { return cmp.Compare(a.Vaddr, b.Vaddr) })
	return sites, nil
}

// body is a decoded function that holds a syscall.
type body struct {
	elfsym.Func
	code     []byte
	insns    []insn
	syscalls []int // indices in insns
	broken   bool  // some of it is no instruction
	large    bool  // insns are only its syscalls
}

type insn struct {
	x86.Inst
	addr uint64
	b    []byte
}

func (i insn) end() uint64 { return i.addr + uint64(i.Len) }

// opcode is that of syscall.
var opcode = []byte{0x0f, 0x05}

// read decodes a function, if there is something in it that looks like a syscall. Of a
// function that is too large nothing else is kept.
func read(mod Module, fn elfsym.Func) *body {
	b := &body{Func: fn}
	code, err := mod.Bytes(fn.Lo, int(fn.Hi-fn.Lo))
	if err != nil || !bytes.Contains(code, opcode) {
		return b
	}
	b.code = code
	b.large = len(code) > maxBody
	sweep(code, fn.Lo, func(in insn) {
		call := isSyscall(in) && len(b.syscalls) <= maxSites
		if call {
			b.syscalls = append(b.syscalls, len(b.insns))
		}
		if call || !b.large {
			b.insns = append(b.insns, in)
		}
	}, func() { b.broken = true })
	return b
}

func isSyscall(in insn) bool { return in.Enc == x86.Legacy && in.Map == x86.Map0F && in.Op == 0x05 }

// sweep decodes code, and goes on behind a byte that begins no instruction, which it
// tells too.
func sweep(code []byte, at uint64, visit func(insn), broken func()) {
	for len(code) > 0 {
		in, err := x86.Decode(code)
		n := in.Len
		if err != nil {
			broken()
			n = 1
		} else {
			visit(insn{in, at, code[:n]})
		}
		code, at = code[n:], at+uint64(n)
	}
}
