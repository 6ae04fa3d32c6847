package syscallhook

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/trampoline"
)

// Lengths of `jmp rel32` and of `jmp rel8`.
const (
	jumpLen  = 5
	shortLen = 2
)

// placer chooses tactics.
type placer struct {
	mod      Module
	branches *trampoline.Branches
	taken    map[uint64]bool // bytes that belong to a site
}

func newPlacer(mod Module, bodies []*body, outside []Site) *placer {
	var addrs []uint64
	for _, b := range bodies {
		addrs = append(addrs, b.Lo)
	}
	for _, s := range outside {
		addrs = append(addrs, s.Vaddr)
	}
	return &placer{mod: mod, branches: trampoline.ScanBranches(mod, addrs), taken: map[uint64]bool{}}
}

// place gives each site of the functions its tactic. Those that need only their own
// bytes come first.
func (p *placer) place(bodies []*body) (sites []Site) {
	var late []func()
	all := make([][]Site, len(bodies))
	for i, b := range bodies {
		all[i] = make([]Site, len(b.syscalls))
		late = append(late, p.placeBody(b, all[i]))
	}
	for _, again := range late {
		again()
	}
	return slices.Concat(all...)
}

// placeBody fills in the sites of one function, and returns what is to be tried when
// all others have been.
func (p *placer) placeBody(b *body, sites []Site) (late func()) {
	f, err := p.entries(b)
	for k, i := range b.syscalls {
		sites[k] = Site{Vaddr: b.insns[i].addr, Func: b.Func}
		if err != nil {
			sites[k].Why = err.Error()
			continue
		}
		sites[k].Number = f.number(i)
		p.try(f, i, &sites[k])
	}
	return func() {
		for k, i := range b.syscalls {
			if s := &sites[k]; err == nil && s.Tactic == Trap && f.wellKnown(i, s.Number) == "" {
				p.short(f, b.insns[i], s)
			}
		}
	}
}

// try puts a site into the first window that nobody enters.
func (p *placer) try(f *entries, i int, s *Site) {
	if s.Why = f.wellKnown(i, s.Number); s.Why != "" {
		if s.Why == whySignal {
			s.Number = known(unix.SYS_RT_SIGRETURN)
		}
		return
	}
	if i > 0 && setsNumber(f.insns[i-1]) && p.window(f, Mov, i-1, i+1, s) {
		return
	}
	hi := i
	for n := uint64(0); hi < len(f.insns) && n < jumpLen; hi++ {
		n += uint64(f.insns[hi].Len)
	}
	if p.window(f, After, i, hi, s) {
		return
	}
	why := s.Why
	lo := i
	for n := f.insns[i].Len; lo > 0 && n < jumpLen; lo-- {
		n += f.insns[lo-1].Len
	}
	if !p.window(f, Before, lo, i+1, s) {
		s.Why = fmt.Sprintf("behind it: %s; before it: %s", why, s.Why)
	}
}

// setsNumber: mov $nr,%eax or mov $nr,%rax, of five bytes or more.
func setsNumber(in insn) bool {
	n, sets := numberIn(in)
	return sets && n.Known && in.Len >= jumpLen
}

// claim takes bytes for a site, if they are free.
func (p *placer) claim(s *Site, t Tactic, lo, hi uint64) bool {
	if !p.free(lo, hi) {
		s.Why = "another site has taken the bytes"
		return false
	}
	p.take(lo, hi)
	s.Tactic, s.Lo, s.Hi, s.Why = t, lo, hi, ""
	return true
}

func (p *placer) free(lo, hi uint64) bool {
	for ; lo < hi; lo++ {
		if p.taken[lo] {
			return false
		}
	}
	return true
}

func (p *placer) take(lo, hi uint64) {
	for ; lo < hi; lo++ {
		p.taken[lo] = true
	}
}

// window tries insns[i:k], one of which is the syscall.
func (p *placer) window(f *entries, t Tactic, i, k int, s *Site) bool {
	lo, hi := f.insns[i].addr, f.insns[k-1].end()
	if at, ok := f.within(f.insns[i:k]); ok {
		s.Why = f.leads(at)
		return false
	}
	if hi < lo+jumpLen {
		if hi = f.padded(hi, lo+jumpLen); hi == 0 {
			s.Why = "the function ends, with no padding of its own there"
			if t == Before {
				s.Why = "the function begins"
			}
			return false
		}
	}
	if why := f.moves(i, k); why != "" {
		s.Why = why
		return false
	}
	return p.claim(s, t, lo, hi)
}

// moves says why insns[i:k] cannot run elsewhere.
func (f *entries) moves(i, k int) string {
	lo := f.insns[i].addr
	code := f.code[lo-f.Lo : f.insns[k-1].end()-f.Lo]
	if _, err := x86.Relocate(code, lo); err != nil {
		return err.Error()
	}
	return ""
}

// short tries a jmp rel8 in the place of the syscall.
func (p *placer) short(f *entries, in insn, s *Site) {
	why := s.Why
	for _, hole := range f.holes() {
		for at := hole.Hi - jumpLen; at >= hole.Lo; at-- {
			if d := int64(at - (in.addr + shortLen)); d != int64(int8(d)) || !p.free(at, at+jumpLen) {
				continue
			}
			if p.claim(s, Short, in.addr, in.end()) {
				s.Hole = at
				p.take(at, at+jumpLen)
			}
			return
		}
	}
	s.Why = why + "; and no padding is within reach of a short jump"
}
