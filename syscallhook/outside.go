package syscallhook

import (
	"bytes"
	"encoding/binary"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
)

const whyOutside = "no function is known there: no unwind data and no symbol with a size say what it belongs to"

// outside sweeps what lies between the functions. Constants lie there too, and decode
// to anything: a syscall counts if the mov of a number stands before it, or if
// instructions that compilers write surround it.
func outside(mod Module) (sites []Site) {
	for _, gap := range gaps(mod.Code(), mod.Functions()) {
		code, err := mod.Bytes(gap.Lo, int(gap.Hi-gap.Lo))
		if err != nil || !bytes.Contains(code, opcode) {
			continue
		}
		run := enough // a function ends here, so an instruction begins
		sweep(code, gap.Lo, func(in insn) {
			if isSyscall(in) && len(sites) <= maxSites {
				n := rawNumber(mod, in.addr)
				if n.plausible() || run >= enough && ordinary(code[in.end()-gap.Lo:]) {
					sites = append(sites, Site{Vaddr: in.addr, Number: n, Why: whyOutside})
				}
			}
			run = lengthen(run, in)
		}, func() { run = 0 })
	}
	return sites
}

// enough ordinary instructions before a syscall, and a few behind it, are code: of
// random bytes less than one instruction in two is ordinary.
const (
	enough = 24
	few    = 6
)

func lengthen(run int, in insn) int {
	if odd(in) {
		return 0
	}
	return run + 1
}

// ordinary tells whether code goes on with a few ordinary instructions, or ends.
func ordinary(code []byte) bool {
	for n := 0; n < few && len(code) > 0; n++ {
		in, err := x86.Decode(code)
		if err != nil || odd(insn{Inst: in}) {
			return false
		}
		code = code[in.Len:]
	}
	return true
}

// odd is what no compiler writes near a system call: privileged, of segments, of the
// x87, of flags, in decimal.
func odd(in insn) bool {
	if in.Enc != x86.Legacy || in.Map != x86.MapOneByte {
		return in.Enc == x86.XOP || in.Enc == x86.EVEX
	}
	switch op := in.Op; {
	case op&0xf6 == 0xe4, op&0xfc == 0x6c, op&0xf8 == 0xd8: // in, out, their string forms, x87
		return true
	case op >= 0xe0 && op <= 0xe3, op >= 0x9b && op <= 0x9f, op >= 0xa0 && op <= 0xa3:
		return true
	case op == 0x8c, op == 0x8e, op == 0xc8, op == 0xca, op == 0xcb, op == 0xcf, op == 0xd7, op == 0xf1, op == 0xf5,
		op >= 0xf8 && op <= 0xfd, op == 0xce, op == 0x86, op == 0x10, op == 0x12, op == 0x14, op == 0x18, op == 0x1a, op == 0x1c:
		return true
	}
	return false
}

// plausible: no constant looks like five bytes with the number of a call in them.
func (n Number) plausible() bool {
	const last = 1023
	return n.Known && n.Value >= 0 && n.Value <= last
}

// rawNumber reads a mov $nr,%eax or mov $nr,%rax right before addr, which may end a
// function.
func rawNumber(mod Module, addr uint64) Number {
	for _, mov := range [][]byte{{0xb8}, {0x48, 0xc7, 0xc0}} {
		n := len(mov) + 4
		b, err := mod.Bytes(addr-uint64(n), n)
		if err == nil && bytes.HasPrefix(b, mov) {
			return known(int64(int32(binary.LittleEndian.Uint32(b[len(mov):]))))
		}
	}
	return Number{}
}

// doubt forgets the number of a site outside of functions that something may jump to,
// past the mov.
func (p *placer) doubt(s *Site) {
	if p.branches.Lead(s.Vaddr) || p.near(s.Vaddr) {
		s.Number = Number{}
	}
}

// adopt gives a site to the function that ends right before it with the mov of its number:
// the unwind data of clone3 ends there, since what it says would be wrong in the child.
// That nobody jumps to the syscall, doubt has seen to.
func (p *placer) adopt(s *Site) {
	fn, ok := p.mod.FuncAt(s.Vaddr - 1)
	if !ok || fn.Hi != s.Vaddr || !s.Number.Known {
		return
	}
	b := read(p.mod, elfsym.Func{Lo: fn.Lo, Hi: s.Vaddr + uint64(len(opcode))})
	n := len(b.insns)
	if b.broken || b.large || n < 2 || !isSyscall(b.insns[n-1]) || !setsNumber(b.insns[n-2]) {
		return
	}
	s.Func = b.Func
	p.claim(s, Mov, b.insns[n-2].addr, b.Hi)
}

// near tells whether some byte around addr may begin a short branch to it.
func (p *placer) near(addr uint64) bool {
	const reach = 128
	for at := addr - min(addr, reach+shortLen); at < addr+reach; at++ {
		b, err := p.mod.Bytes(at, shortLen)
		if err != nil {
			continue
		}
		short := b[0]&0xf0 == 0x70 || b[0]&0xfc == 0xe0 || b[0] == 0xeb
		if short && at+shortLen+uint64(int64(int8(b[1]))) == addr {
			return true
		}
	}
	return false
}

// gaps is what of code is in no function. Both are in order.
func gaps(code, fns []elfsym.Func) (out []elfsym.Func) {
	for _, c := range code {
		at := c.Lo
		for len(fns) > 0 && fns[0].Lo < c.Hi {
			if at < fns[0].Lo {
				out = append(out, elfsym.Func{Lo: at, Hi: fns[0].Lo})
			}
			if at = max(at, fns[0].Hi); at > c.Hi {
				break // it reaches into what follows
			}
			fns = fns[1:]
		}
		if at < c.Hi {
			out = append(out, elfsym.Func{Lo: at, Hi: c.Hi})
		}
	}
	return out
}
