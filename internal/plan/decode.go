package plan

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// ErrMalformed is wrapped by every error of Decode.
var ErrMalformed = errors.New("plan: malformed")

type malformed string

func (m malformed) Error() string { return "plan: " + string(m) }
func (m malformed) Unwrap() error { return ErrMalformed }

// reader hands out parts of a plan and remembers the first that was not there.
type reader struct {
	b       []byte
	strings []byte
	wrong   malformed
}

func (r *reader) fail(why malformed) {
	if r.wrong == "" {
		r.wrong = why
	}
}

const maxCount = 1 << 20

// table returns count records of size bytes each, or none.
func (r *reader) table(off, count uint32, size int, why malformed) [][]byte {
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

func (r *reader) bytes(off, size uint32, why malformed) []byte {
	if uint64(off) > uint64(len(r.b)) || uint64(size) > uint64(len(r.b))-uint64(off) {
		r.fail(why)
		return nil
	}
	return r.b[off : off+size]
}

func (r *reader) string(off uint32, why malformed) string {
	if uint64(off) >= uint64(len(r.strings)) {
		r.fail(why)
		return ""
	}
	s, _, _ := bytes.Cut(r.strings[off:], []byte{0})
	return string(s)
}

func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
func u64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

// Decode reads what Encode wrote. It accepts exactly what the agent accepts;
// errors wrap ErrMalformed.
func Decode(b []byte) (*Plan, error) {
	r := &reader{b: b}
	switch {
	case len(b) < abi.PLAN_HDR_SIZE || u64(b, 0) != abi.PLAN_MAGIC:
		return nil, malformed("it is no plan")
	case u32(b, 8) != abi.PLAN_VERSION:
		return nil, malformed("it has another version")
	case int64(u32(b, 12)) != int64(len(b)):
		return nil, malformed("it is not as long as it says")
	}
	const outside = "a table lies outside"
	units := r.table(u32(b, 24), u32(b, 20), abi.PLAN_UNIT_SIZE, outside)
	links := r.table(u32(b, 32), u32(b, 28), abi.PLAN_LINK_SIZE, outside)
	maps := r.table(u32(b, 40), u32(b, 36), abi.PLAN_MAP_SIZE, outside)
	wants := r.table(u32(b, 48), u32(b, 44), abi.PLAN_WANT_SIZE, outside)
	r.strings = r.bytes(u32(b, 52), u32(b, 56), "the strings do not end")
	if len(r.strings) == 0 || r.strings[len(r.strings)-1] != 0 {
		r.fail("the strings do not end")
	}
	p := &Plan{Abort: u32(b, 16)&abi.PLAN_ABORT != 0}
	for _, l := range links {
		p.Links = append(p.Links, Link{Name: r.string(u32(l, 0), "a link has no name"), Kind: u32(l, 4), Tactic: u32(l, 8),
			Why: r.string(u32(l, 12), "a link has no name"), Refused: u32(l, 16)})
	}
	for _, m := range maps {
		p.Maps = append(p.Maps, r.mapFile(m))
	}
	for _, w := range wants {
		p.Wants = append(p.Wants, r.string(u32(w, 0), "a wish has no path"))
	}
	for _, u := range units {
		p.Units = append(p.Units, r.unit(p, u))
	}
	if r.wrong != "" {
		return nil, r.wrong
	}
	return p, nil
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
	if idLen > 32 || u.LoadBase&0xfff != 0 {
		r.fail("a unit names no module")
		return u
	}
	u.BuildID = bytes.Clone(b[:idLen])
	lo, hi := u64(b, 80), u64(b, 88)
	if lo >= hi || hi-lo > 1<<31 {
		r.fail("a unit has no text")
	}
	u.Code = r.bytes(u32(b, 44), u32(b, 48), "code lies outside")
	if len(u.Code) == 0 || u32(b, 44)%16 != 0 {
		r.fail("code lies outside")
	}
	const outside = "a table of a unit lies outside"
	for _, x := range r.table(u32(b, 56), u32(b, 52), abi.PLAN_RELOC_SIZE, outside) {
		u.Relocs = append(u.Relocs, r.reloc(p, u, x))
	}
	for _, x := range r.table(u32(b, 64), u32(b, 60), abi.PLAN_PATCH_SIZE, outside) {
		u.Patches = append(u.Patches, r.patch(u, x, lo, hi))
	}
	return u
}

func (r *reader) reloc(p *Plan, u *Unit, b []byte) Reloc {
	x := Reloc{Kind: u32(b, 0), At: u32(b, 4), Sym: u32(b, 8), Addend: int64(u64(b, 16))}
	ok := int64(x.At)+int64(x.width()) <= int64(len(u.Code))
	switch x.Kind {
	case abi.RELOC_MODULE_REL32, abi.RELOC_MODULE_ABS64:
	case abi.RELOC_ARENA_ABS64:
		ok = ok && x.Addend >= 0 && x.Addend < int64(len(u.Code))
	case abi.RELOC_HELPER_ABS64:
		ok = ok && x.Sym < abi.HELPER_COUNT
	case abi.RELOC_MAP_ABS64:
		ok = ok && int(x.Sym) < len(p.Maps) && x.Addend >= 0 && uint64(x.Addend) < p.Maps[x.Sym].Size
	case abi.RELOC_LINK_ABS64, abi.RELOC_LINK_COUNTER32:
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
	if n == 0 || n > 16 || uint64(x.RelAt)+4 > n || int64(x.Stub) >= int64(len(u.Code)) || x.Vaddr < lo || x.Vaddr >= hi || hi-x.Vaddr < n {
		r.fail("a patch is out of bounds")
		return x
	}
	x.Orig, x.Text = bytes.Clone(b[24:24+n]), bytes.Clone(b[40:40+n])
	return x
}
