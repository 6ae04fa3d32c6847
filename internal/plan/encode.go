package plan

import (
	"encoding/binary"
	"fmt"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// writer appends tables to a plan; strings are collected and written last.
type writer struct {
	out     []byte
	strings []byte
	known   map[string]uint32
}

func (w *writer) u32(v ...uint32) {
	for _, x := range v {
		w.out = binary.LittleEndian.AppendUint32(w.out, x)
	}
}

func (w *writer) u64(v ...uint64) {
	for _, x := range v {
		w.out = binary.LittleEndian.AppendUint64(w.out, x)
	}
}

func (w *writer) padded(b []byte, n int) {
	w.out = append(w.out, b...)
	w.out = append(w.out, make([]byte, n-len(b))...)
}

func (w *writer) align(n int) uint32 {
	for len(w.out)%n != 0 {
		w.out = append(w.out, 0)
	}
	return uint32(len(w.out))
}

func (w *writer) string(s string) uint32 {
	if at, ok := w.known[s]; ok {
		return at
	}
	at := uint32(len(w.strings))
	w.strings = append(append(w.strings, s...), 0)
	w.known[s] = at
	return at
}

// body is where a unit's code and tables lie.
type body struct{ code, relocs, patches, semaphores, outposts uint32 }

func (w *writer) unitBody(u *Unit) body {
	var b body
	b.code = w.align(16)
	w.out = append(w.out, u.Code...)
	b.relocs = w.align(8)
	for _, r := range u.Relocs {
		w.u32(r.At, r.Kind|r.Sym<<8)
		w.u64(uint64(r.Addend))
	}
	b.patches = w.align(8)
	for _, p := range u.Patches {
		w.u64(p.Vaddr)
		w.u32(p.Tactic, 0, p.Stub)
		w.out = append(w.out, byte(len(p.Text)), p.RelAt, 0, 0)
		w.padded(p.Orig, 16)
		w.padded(p.Text, 16)
		w.u64(0)
	}
	b.semaphores = w.align(8)
	w.u64(u.Semaphores...)
	b.outposts = w.align(8)
	for _, o := range u.Outposts {
		w.u64(o.Vaddr)
		w.u32(o.Stub, 0)
	}
	return b
}

func (w *writer) unit(u *Unit, b body) {
	lo, hi := u.TextRange()
	w.padded(u.BuildID, MaxBuildID)
	w.u32(uint32(len(u.BuildID)), u.flags(), w.string(u.Path), b.code, u.Len(),
		uint32(len(u.Relocs)), b.relocs, uint32(len(u.Patches)), b.patches, uint32(len(u.Semaphores)))
	w.u64(u.LoadBase, lo, hi)
	w.u32(b.semaphores, uint32(len(u.Outposts)), b.outposts, u.Came, u.Dispatch, 0)
}

func (u *Unit) flags() (f uint32) {
	if u.Late {
		f |= abi.UNIT_LATE
	}
	if u.Hook {
		f |= abi.UNIT_HOOK
	}
	return f
}

// TextRange is the range of virtual addresses that the unit's sites span.
func (u *Unit) TextRange() (lo, hi uint64) {
	lo = ^uint64(0)
	for _, p := range u.Patches {
		lo, hi = min(lo, p.Vaddr), max(hi, p.Vaddr+uint64(len(p.Text)))
	}
	return lo, hi
}

// Encode writes the plan in the layout of abi/structs.h: header, bodies of the
// units, tables, strings. The error says which limit a part exceeds.
func (p *Plan) Encode() ([]byte, error) {
	if err := p.limits(); err != nil {
		return nil, err
	}
	w := &writer{out: make([]byte, abi.PLAN_HDR_SIZE), known: map[string]uint32{}}
	w.string("")
	bodies := make([]body, len(p.Units))
	for i, u := range p.Units {
		bodies[i] = w.unitBody(u)
	}
	units := w.align(8)
	for i, u := range p.Units {
		w.unit(u, bodies[i])
	}
	links := w.align(8)
	for _, l := range p.Links {
		w.u32(w.string(l.Name), l.Kind, l.Tactic, w.string(l.Why), l.Refused, l.Calls)
	}
	maps := w.align(8)
	for _, m := range p.Maps {
		w.u32(w.string(m.Path), 0)
		w.u64(m.Size, 0, 0)
	}
	wants := w.align(8)
	for _, path := range p.Wants {
		w.u32(w.string(path), 0, 0, 0)
	}
	strings := w.align(8)
	w.out = append(w.out, w.strings...)
	size := w.align(8)
	p.header(w.out, size, units, links, maps, wants, strings, size-strings)
	return w.out, nil
}

func (p *Plan) header(to []byte, size, units, links, maps, wants, strings, stringsSize uint32) {
	var flags uint32
	if p.Abort {
		flags |= abi.PLAN_ABORT
	}
	if p.Traps {
		flags |= abi.PLAN_TRAPS
	}
	if p.Reads {
		flags |= abi.PLAN_READS
	}
	if p.Calls {
		flags |= abi.PLAN_CALLS
	}
	if p.Dispatch {
		flags |= abi.PLAN_DISPATCH
	}
	binary.LittleEndian.PutUint64(to, abi.PLAN_MAGIC)
	for i, v := range []uint32{abi.PLAN_VERSION, size, flags, uint32(len(p.Units)), units, uint32(len(p.Links)),
		links, uint32(len(p.Maps)), maps, uint32(len(p.Wants)), wants, strings, stringsSize, 0} {
		binary.LittleEndian.PutUint32(to[8+4*i:], v)
	}
}

func (p *Plan) limits() error {
	if len(p.Links) > abi.SESSION_NLINKS {
		return fmt.Errorf("plan: %d links; a session has room for %d: use fewer specifications, or globs", len(p.Links), abi.SESSION_NLINKS)
	}
	for _, u := range p.Units {
		if lo, hi := u.TextRange(); len(u.Code) == 0 || lo >= hi || hi-lo > maxText {
			return fmt.Errorf("plan: %s: %d bytes of code for %d sites from %#x to %#x; a unit has some of both, within %d GiB",
				u.Path, len(u.Code), len(u.Patches), lo, hi, maxText>>30)
		}
		if len(u.BuildID) > MaxBuildID {
			return fmt.Errorf("plan: %s: a build-id of %d bytes; at most %d are kept", u.Path, len(u.BuildID), MaxBuildID)
		}
		if len(u.Outposts) > abi.UNIT_OUTPOSTS {
			return fmt.Errorf("plan: %s: %d outposts; at most %d are mapped", u.Path, len(u.Outposts), abi.UNIT_OUTPOSTS)
		}
		for _, x := range u.Patches {
			if len(x.Text) > 16 || len(x.Orig) != len(x.Text) || !hasRoom(x.RelAt, uint64(len(x.Text))) {
				return fmt.Errorf("plan: %s+%#x: a patch of %d bytes over %d", u.Path, x.Vaddr, len(x.Text), len(x.Orig))
			}
		}
	}
	return nil
}
