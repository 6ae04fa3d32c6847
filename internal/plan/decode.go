package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// ErrMalformed is wrapped by every error of Decode.
var ErrMalformed = errors.New("plan: malformed")

// malformed is what is wrong, in the words of preload/check.c, and where.
type malformed struct {
	why string
	at  place
}

func (m *malformed) Error() string { return "plan: " + m.why + m.at.String() }
func (m *malformed) Unwrap() error { return ErrMalformed }

// place is a part of a plan: record n of a table, which may be a unit's.
type place struct {
	inUnit bool
	unit   int
	table  string // "link", "relocation"; "": the plan or the unit itself
	n      int
}

func (p place) String() (s string) {
	if p.inUnit {
		s += fmt.Sprintf(": unit %d", p.unit)
	}
	if p.table != "" {
		s += fmt.Sprintf(": %s %d", p.table, p.n)
	}
	return s
}

// reader hands out parts of a plan and remembers the first that was not there.
type reader struct {
	b       []byte
	strings []byte
	at      place
	wrong   *malformed
}

func (r *reader) fail(why string) {
	if r.wrong == nil {
		r.wrong = &malformed{why, r.at}
	}
}

const (
	maxCount = 1 << 20
	maxText  = 1 << 31 // no arena is within reach of more
)

// table returns count records of size bytes each, or none.
func (r *reader) table(off, count uint32, size int, why string) [][]byte {
	if r.wrong != nil {
		return nil // what follows is not looked at
	}
	n := uint64(count) * uint64(size)
	if off%8 != 0 || count > maxCount || off < abi.PLAN_HDR_SIZE || uint64(off) > uint64(len(r.b)) || n > uint64(len(r.b))-uint64(off) {
		r.fail(why)
		return nil
	}
	out := make([][]byte, count)
	for i := range out {
		at := int(off) + i*size
		out[i] = r.b[at : at+size]
	}
	return out
}

func (r *reader) bytes(off, size uint32, why string) []byte {
	if uint64(off) > uint64(len(r.b)) || uint64(size) > uint64(len(r.b))-uint64(off) {
		r.fail(why)
		return nil
	}
	return r.b[off : off+size : off+size]
}

func (r *reader) string(off uint32, why string) string {
	if uint64(off) >= uint64(len(r.strings)) {
		r.fail(why)
		return ""
	}
	s, _, _ := bytes.Cut(r.strings[off:], []byte{0})
	return string(s)
}

func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
func u64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

// Decode reads what Encode wrote; Code of its units lies in b. It accepts exactly
// what the agent accepts; errors wrap ErrMalformed.
func Decode(b []byte) (*Plan, error) {
	switch {
	case len(b) < abi.PLAN_HDR_SIZE || u64(b, 0) != abi.PLAN_MAGIC:
		return nil, &malformed{why: "it is no plan"}
	case u32(b, 8) != abi.PLAN_VERSION:
		return nil, &malformed{why: "it has another version"}
	case int64(u32(b, 12)) != int64(len(b)):
		return nil, &malformed{why: "it is not as long as it says"}
	}
	r := &reader{b: b}
	flags := u32(b, 16)
	p := &Plan{Abort: flags&abi.PLAN_ABORT != 0, Traps: flags&abi.PLAN_TRAPS != 0, Reads: flags&abi.PLAN_READS != 0, Calls: flags&abi.PLAN_CALLS != 0, Dispatch: flags&abi.PLAN_DISPATCH != 0}
	r.tables(p)
	if r.wrong != nil {
		return nil, r.wrong
	}
	return p, nil
}

// tables reads the four tables, whose places are checked before any content.
func (r *reader) tables(p *Plan) {
	const outside = "a table lies outside"
	units := r.table(u32(r.b, 24), u32(r.b, 20), abi.PLAN_UNIT_SIZE, outside)
	links := r.table(u32(r.b, 32), u32(r.b, 28), abi.PLAN_LINK_SIZE, outside)
	maps := r.table(u32(r.b, 40), u32(r.b, 36), abi.PLAN_MAP_SIZE, outside)
	wants := r.table(u32(r.b, 48), u32(r.b, 44), abi.PLAN_WANT_SIZE, outside)
	r.strings = r.bytes(u32(r.b, 52), u32(r.b, 56), "the strings do not end")
	if len(r.strings) == 0 || r.strings[len(r.strings)-1] != 0 {
		r.fail("the strings do not end")
	}
	for i, l := range links {
		r.at = place{table: "link", n: i}
		p.Links = append(p.Links, r.link(l))
	}
	for i, m := range maps {
		r.at = place{table: "map", n: i}
		p.Maps = append(p.Maps, r.mapFile(m))
	}
	for i, w := range wants {
		r.at = place{table: "wish", n: i}
		p.Wants = append(p.Wants, r.string(u32(w, 0), "a wish has no path"))
	}
	for i, u := range units {
		r.at = place{inUnit: true, unit: i}
		p.Units = append(p.Units, r.unit(p, u))
	}
}

func (r *reader) link(l []byte) Link {
	const why = "a link has no name"
	return Link{Name: r.string(u32(l, 0), why), Kind: u32(l, 4), Tactic: u32(l, 8), Why: r.string(u32(l, 12), why), Refused: u32(l, 16), Calls: u32(l, 20)}
}

func (r *reader) mapFile(m []byte) Map {
	const why = "a map has no path or size"
	size := u64(m, 8)
	if size < abi.MAP_DATA_OFF || size > 1<<40 {
		r.fail(why)
	}
	return Map{Path: r.string(u32(m, 0), why), Size: size}
}

func (r *reader) unit(p *Plan, b []byte) *Unit {
	idLen, flags := u32(b, 32), u32(b, 36)
	u := &Unit{Path: r.string(u32(b, 40), "a unit names no module"), LoadBase: u64(b, 72),
		Late: flags&abi.UNIT_LATE != 0, Hook: flags&abi.UNIT_HOOK != 0}
	if idLen > MaxBuildID || u.LoadBase&0xfff != 0 {
		r.fail("a unit names no module")
		return u
	}
	u.BuildID = bytes.Clone(b[:idLen])
	lo, hi := u64(b, 80), u64(b, 88)
	if lo >= hi || hi-lo > maxText {
		r.fail("a unit has no text")
	}
	u.Code = r.bytes(u32(b, 44), u32(b, 48), "code lies outside")
	if len(u.Code) == 0 || u32(b, 44)%16 != 0 {
		r.fail("code lies outside")
	}
	if u.Came = u32(b, 108); !u.hasList(u.Came) {
		r.fail("a list of programs lies outside")
	}
	if u.Dispatch = u32(b, 112); !u.hasSite(u.Dispatch) {
		r.fail("the site of dispatched calls lies outside")
	}
	const outside = "a table of a unit lies outside"
	relocs := r.table(u32(b, 56), u32(b, 52), abi.PLAN_RELOC_SIZE, outside)
	patches := r.table(u32(b, 64), u32(b, 60), abi.PLAN_PATCH_SIZE, outside)
	semaphores := r.table(u32(b, 96), u32(b, 68), abi.PLAN_SEMAPHORE_SIZE, outside)
	outposts := r.table(u32(b, 104), u32(b, 100), abi.PLAN_OUTPOST_SIZE, outside)
	for i, x := range relocs {
		r.at.table, r.at.n = "relocation", i
		u.Relocs = append(u.Relocs, r.reloc(p, u, x))
	}
	for i, x := range patches {
		r.at.table, r.at.n = "patch", i
		u.Patches = append(u.Patches, r.patch(u, x, lo, hi))
	}
	for i, x := range semaphores {
		r.at.table, r.at.n = "semaphore", i
		u.Semaphores = append(u.Semaphores, r.semaphore(x))
	}
	for i, x := range outposts {
		r.at.table, r.at.n = "outpost", i
		r.outpost(u, x)
	}
	return u
}

// hasList tells whether a list of runs may begin at an offset, as far as that can be told.
func (u *Unit) hasList(at uint32) bool {
	return at == 0 || at%8 == 0 && int64(at)+abi.RUN_SIZE+8 <= int64(len(u.Code))
}

// hasSite is the same for a struct bpftime_call_site.
func (u *Unit) hasSite(at uint32) bool {
	return at == 0 || at%8 == 0 && int64(at)+abi.CALL_SITE_SIZE <= int64(len(u.Code))
}

func (r *reader) reloc(p *Plan, u *Unit, b []byte) Reloc {
	what := u32(b, 4)
	x := Reloc{At: u32(b, 0), Kind: what & 0xff, Sym: what >> 8, Addend: int64(u64(b, 8))}
	ok := int64(x.At)+int64(x.width()) <= int64(len(u.Code))
	switch x.Kind {
	case abi.RELOC_MODULE_REL32, abi.RELOC_MODULE_ABS64:
	case abi.RELOC_ARENA_ABS64:
		ok = ok && x.Addend >= 0 && x.Addend < int64(len(u.Code))
	case abi.RELOC_HELPER_ABS64:
		ok = ok && x.Sym < abi.HELPER_COUNT
	case abi.RELOC_MAP_ABS64:
		ok = ok && int(x.Sym) < len(p.Maps) && x.Addend >= 0 && uint64(x.Addend) < p.Maps[x.Sym].Size
	case abi.RELOC_LINK_COUNTER32:
		ok = ok && int(x.Sym) < len(p.Links)
	default:
		ok = false
	}
	if !ok {
		r.fail("a relocation is out of bounds")
	}
	return x
}

func (r *reader) patch(u *Unit, b []byte, lo, hi uint64) Patch {
	n, x := uint64(b[20]), Patch{Vaddr: u64(b, 0), Tactic: u32(b, 8), Stub: u32(b, 16), RelAt: b[21]}
	if n == 0 || n > 16 || !hasRoom(x.RelAt, n) || int64(x.Stub) >= int64(len(u.Code)) || x.Vaddr < lo || x.Vaddr >= hi || hi-x.Vaddr < n {
		r.fail("a patch is out of bounds")
		return x
	}
	x.Orig, x.Text = bytes.Clone(b[24:24+n]), bytes.Clone(b[40:40+n])
	return x
}

// semaphore reads the address of a u16, which lies in one page.
func (r *reader) semaphore(b []byte) uint64 {
	if u64(b, 0)%2 != 0 {
		r.fail("a semaphore is not aligned")
	}
	return u64(b, 0)
}

// outpost reads one that lies in a page of its own, no further than a jump goes from
// text that may be as far from the start.
func (r *reader) outpost(u *Unit, b []byte) {
	o := Outpost{Vaddr: u64(b, 0), Stub: u32(b, 8)}
	ok := len(u.Outposts) < abi.UNIT_OUTPOSTS && int64(o.Stub) < int64(len(u.Code)) &&
		o.Vaddr&0xfff <= 0x1000-abi.OUTPOST_SIZE && o.Vaddr-u.LoadBase+1<<32 < 1<<33
	for _, other := range u.Outposts {
		ok = ok && other.Vaddr>>12 != o.Vaddr>>12
	}
	if !ok {
		r.fail("an outpost is out of bounds")
		return
	}
	u.Outposts = append(u.Outposts, o)
}
