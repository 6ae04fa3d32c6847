package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// raw is an encoded plan that a case breaks.
type raw []byte

func (r raw) u32(at uint32) uint32           { return binary.LittleEndian.Uint32(r[at:]) }
func (r raw) put32(at, v uint32)             { binary.LittleEndian.PutUint32(r[at:], v) }
func (r raw) put64(at uint32, v uint64)      { binary.LittleEndian.PutUint64(r[at:], v) }
func (r raw) unit(i, field uint32) uint32    { return r.u32(24) + i*abi.PLAN_UNIT_SIZE + field }
func (r raw) link(i, field uint32) uint32    { return r.u32(32) + i*abi.PLAN_LINK_SIZE + field }
func (r raw) mapFile(i, field uint32) uint32 { return r.u32(40) + i*abi.PLAN_MAP_SIZE + field }
func (r raw) wish(i, field uint32) uint32    { return r.u32(48) + i*abi.PLAN_WANT_SIZE + field }
func (r raw) reloc(i, field uint32) uint32 {
	return r.u32(r.unit(0, 56)) + i*abi.PLAN_RELOC_SIZE + field
}
func (r raw) patch(unit, i, field uint32) uint32 {
	return r.u32(r.unit(unit, 64)) + i*abi.PLAN_PATCH_SIZE + field
}
func (r raw) outpost(i, field uint32) uint32 {
	return r.u32(r.unit(0, 104)) + i*abi.PLAN_OUTPOST_SIZE + field
}
func (r raw) putReloc(i, kind, at, sym, add uint64) {
	r.putRelocAt(r.reloc(uint32(i), 0), kind, at, sym, add)
}
func (r raw) putRelocAt(off uint32, kind, at, sym, add uint64) {
	r.put32(off, uint32(at))
	r.put32(off+4, uint32(kind|sym<<8))
	r.put64(off+8, add)
}

// A broken plan is one of whole() with one thing changed. want is the reason in
// the words of both checkers and the place that Decode adds; "": it is not broken,
// the change stays just inside a bound.
type broken struct {
	name   string
	change func(raw) raw
	want   string
}

// same makes a change that keeps the plan's size.
func same(f func(raw)) func(raw) raw { return func(r raw) raw { f(r); return r } }

const minusOne = 1<<64 - 1

var headers = []broken{
	{"nothing", func(raw) raw { return nil }, "it is no plan"},
	{"cut in the header", func(r raw) raw { return r[:63] }, "it is no plan"},
	{"magic", same(func(r raw) { r[7] = '2' }), "it is no plan"},
	{"version", same(func(r raw) { r.put32(8, 2) }), "it has another version"},
	{"cut", func(r raw) raw { return r[:len(r)-1] }, "it is not as long as it says"},
	{"longer", func(r raw) raw { return append(r, 0) }, "it is not as long as it says"},
	{"only a header", func(r raw) raw { r = r[:64]; r.put32(12, 64); return r }, "a table lies outside"},
	{"unknown flags", same(func(r raw) { r.put32(16, 0xfffffffe) }), ""},
	{"padding", same(func(r raw) { r.put32(60, minusOne&0xffffffff) }), ""},
	{"no strings", same(func(r raw) { r.put32(56, 0) }), "the strings do not end"},
	{"strings begin outside", same(func(r raw) { r.put32(52, uint32(len(r))+1) }), "the strings do not end"},
	{"strings end outside", same(func(r raw) { r.put32(56, r.u32(56)+1) }), "the strings do not end"},
	{"size of strings wraps", same(func(r raw) { r.put32(56, 0xffffffff) }), "the strings do not end"},
	{"strings without end", same(func(r raw) { r[len(r)-1] = 'x' }), "the strings do not end"},
}

// tables breaks each of the header's four tables, whose count lies at counts.
func tables() (out []broken) {
	for counts, name := range map[uint32]string{20: "units", 28: "links", 36: "maps", 44: "wishes"} {
		set := func(field string, at uint32, v func(raw) uint32, want string) {
			out = append(out, broken{name + ": " + field, same(func(r raw) { r.put32(at, v(r)) }), want})
		}
		const outside = "a table lies outside"
		size := func(r raw) uint32 { return uint32(len(r)) }
		set("not aligned", counts+4, func(r raw) uint32 { return r.u32(counts+4) + 4 }, outside)
		set("in the header", counts+4, func(raw) uint32 { return 56 }, outside)
		set("at the end", counts+4, size, outside)
		set("behind the end", counts+4, func(r raw) uint32 { return size(r) + 8 }, outside)
		set("far behind", counts+4, func(raw) uint32 { return 0xfffffff8 }, outside)
		set("too many", counts, func(r raw) uint32 { return uint32(len(r)) / 16 }, outside)
		set("more than 2^20", counts, func(raw) uint32 { return 1<<20 + 1 }, outside)
		set("size wraps", counts, func(raw) uint32 { return 1 << 28 }, outside)
	}
	return out
}

// empty tables may lie at the very end, and not behind it.
var emptyTables = []broken{
	{"no wish, at the end", same(func(r raw) { r.put32(44, 0); r.put32(48, uint32(len(r))) }), ""},
	{"no wish, behind the end", same(func(r raw) { r.put32(44, 0); r.put32(48, uint32(len(r))+8) }), "a table lies outside"},
	{"no wish, in the header", same(func(r raw) { r.put32(44, 0); r.put32(48, 0) }), "a table lies outside"},
	{"no unit", same(func(r raw) { r.put32(20, 0) }), ""},
}

var names = []broken{
	{"name of a link", same(func(r raw) { r.put32(r.link(1, 0), r.u32(56)) }), "a link has no name: link 1"},
	{"reason of a link", same(func(r raw) { r.put32(r.link(0, 12), 0xffffffff) }), "a link has no name: link 0"},
	{"name at the last byte", same(func(r raw) { r.put32(r.link(0, 0), r.u32(56)-1) }), ""},
	{"kind of a link", same(func(r raw) { r.put32(r.link(0, 4), 99) }), ""},
	{"path of a map", same(func(r raw) { r.put32(r.mapFile(1, 0), r.u32(56)) }), "a map has no path or size: map 1"},
	{"a map without data", same(func(r raw) { r.put64(r.mapFile(0, 8), abi.MAP_DATA_OFF-1) }), "a map has no path or size: map 0"},
	{"a map of more than 1 TiB", same(func(r raw) { r.put64(r.mapFile(1, 8), 1<<40+1) }), "a map has no path or size: map 1"},
	{"a map of 2^64-1 bytes", same(func(r raw) { r.put64(r.mapFile(0, 8), minusOne) }), "a map has no path or size: map 0"},
	{"path of a wish", same(func(r raw) { r.put32(r.wish(1, 0), r.u32(56)) }), "a wish has no path: wish 1"},
}

var unitFields = []broken{
	{"build-id", same(func(r raw) { r.put32(r.unit(0, 32), 33) }), "a unit names no module: unit 0"},
	{"path of a unit", same(func(r raw) { r.put32(r.unit(1, 40), r.u32(56)) }), "a unit names no module: unit 1"},
	{"load base", same(func(r raw) { r.put64(r.unit(0, 72), 0x400001) }), "a unit names no module: unit 0"},
	{"empty text", same(func(r raw) { r.put64(r.unit(0, 88), 0x401000) }), "a unit has no text: unit 0"},
	{"inverted text", same(func(r raw) { r.put64(r.unit(0, 80), 0x401105) }), "a unit has no text: unit 0"},
	{"2 GiB of text", same(func(r raw) { r.put64(r.unit(0, 88), 0x401000+1<<31) }), ""},
	{"more than 2 GiB", same(func(r raw) { r.put64(r.unit(0, 88), 0x401001+1<<31) }), "a unit has no text: unit 0"},
	{"all of the address space", same(func(r raw) { r.put64(r.unit(1, 88), minusOne) }), "a unit has no text: unit 1"},
	{"no code", same(func(r raw) { r.put32(r.unit(1, 48), 0) }), "code lies outside: unit 1"},
	{"code not aligned", same(func(r raw) { r.put32(r.unit(1, 44), r.u32(r.unit(1, 44))+8) }), "code lies outside: unit 1"},
	{"code behind the end", same(func(r raw) { r.put32(r.unit(1, 44), uint32(len(r)+15)&^15) }), "code lies outside: unit 1"},
	{"code ends outside", same(func(r raw) { r.put32(r.unit(1, 48), uint32(len(r))-r.u32(r.unit(1, 44))+1) }), "code lies outside: unit 1"},
	{"code up to the end", same(func(r raw) { r.put32(r.unit(1, 48), uint32(len(r))-r.u32(r.unit(1, 44))) }), ""},
	{"size of code wraps", same(func(r raw) { r.put32(r.unit(0, 48), 0xffffffff) }), "code lies outside: unit 0"},
	{"programs behind an execve not aligned", same(func(r raw) { r.put32(r.unit(0, 108), 12) }), "a list of programs lies outside: unit 0"},
	{"programs behind an execve outside", same(func(r raw) { r.put32(r.unit(0, 108), 24) }), "a list of programs lies outside: unit 0"},
	{"programs behind an execve far outside", same(func(r raw) { r.put32(r.unit(1, 108), 0xfffffff8) }), "a list of programs lies outside: unit 1"},
	{"no programs behind an execve", same(func(r raw) { r.put32(r.unit(0, 108), 0) }), ""},
	{"relocations not aligned", same(func(r raw) { r.put32(r.unit(0, 56), r.reloc(0, 4)) }), "a table of a unit lies outside: unit 0"},
	{"relocations in the header", same(func(r raw) { r.put32(r.unit(0, 56), 8) }), "a table of a unit lies outside: unit 0"},
	{"relocations outside", same(func(r raw) { r.put32(r.unit(1, 52), 1<<20) }), "a table of a unit lies outside: unit 1"},
	{"patches not aligned", same(func(r raw) { r.put32(r.unit(1, 64), r.patch(1, 0, 4)) }), "a table of a unit lies outside: unit 1"},
	{"semaphores not aligned", same(func(r raw) { r.put32(r.unit(0, 96), r.u32(r.unit(0, 96))+4) }), "a table of a unit lies outside: unit 0"},
	{"semaphores outside", same(func(r raw) { r.put32(r.unit(0, 68), 1<<17) }), "a table of a unit lies outside: unit 0"},
	{"no semaphore, in the header", same(func(r raw) { r.put32(r.unit(1, 96), 8) }), "a table of a unit lies outside: unit 1"},
	{"an odd semaphore", same(func(r raw) { r.put64(r.u32(r.unit(0, 96))+8, 0x500001) }), "a semaphore is not aligned: unit 0: semaphore 1"},
	{"outposts not aligned", same(func(r raw) { r.put32(r.unit(0, 104), r.u32(r.unit(0, 104))+4) }), "a table of a unit lies outside: unit 0"},
	{"outposts outside", same(func(r raw) { r.put32(r.unit(0, 100), 1<<17) }), "a table of a unit lies outside: unit 0"},
	{"stub of an outpost", same(func(r raw) { r.put32(r.outpost(1, 8), 64) }), badOutpost},
	{"an outpost over the end of its page", same(func(r raw) { r.put64(r.outpost(1, 0), 0x1003ffff3) }), badOutpost},
	{"an outpost too far above", same(func(r raw) { r.put64(r.outpost(1, 0), 0x100400000) }), badOutpost},
	{"an outpost too far below", same(func(r raw) { r.put64(r.outpost(1, 0), 0xffffffff003fff00) }), badOutpost},
	{"two outposts in a page", same(func(r raw) { r.put64(r.outpost(1, 0), 0xffffffff00400f00) }), badOutpost},
	{"two outposts in neighbouring pages", same(func(r raw) { r.put64(r.outpost(1, 0), 0xffffffff00401000) }), ""},
	{"33 outposts", same(func(r raw) { r.put32(r.unit(0, 100), 33) }), "an outpost is out of bounds: unit 0: outpost 3"},
	{"a semaphore anywhere", same(func(r raw) { r.put64(r.u32(r.unit(0, 96)), minusOne-1) }), ""},
	{"patches outside", same(func(r raw) { r.put32(r.unit(0, 60), 1<<20+1) }), "a table of a unit lies outside: unit 0"},
	{"relocation and table of patches", same(func(r raw) { r.put32(r.reloc(0, 0), 0); r.put32(r.unit(0, 60), 1<<19) }),
		"a table of a unit lies outside: unit 0"},
}

const badOutpost = "an outpost is out of bounds: unit 0: outpost 1"

const badReloc, badPatch = "a relocation is out of bounds: unit 0: relocation 2", "a patch is out of bounds: unit 0: patch 0"

var relocs = []broken{
	{"kind 0", same(func(r raw) { r.putReloc(2, 0, 0, 0, 0) }), badReloc},
	{"kind 7", same(func(r raw) { r.putReloc(2, 7, 0, 0, 0) }), badReloc},
	{"8 bytes at the end", same(func(r raw) { r.putReloc(2, abi.RELOC_MODULE_ABS64, 56, 0, 0) }), ""},
	{"8 bytes over the end", same(func(r raw) { r.putReloc(2, abi.RELOC_MODULE_ABS64, 57, 0, 0) }), badReloc},
	{"4 bytes at the end", same(func(r raw) { r.putReloc(2, abi.RELOC_MODULE_REL32, 60, 0, minusOne) }), ""},
	{"4 bytes over the end", same(func(r raw) { r.putReloc(2, abi.RELOC_MODULE_REL32, 61, 0, 0) }), badReloc},
	{"field wraps", same(func(r raw) { r.putReloc(2, abi.RELOC_MODULE_REL32, 0xfffffffe, 0, 0) }), badReloc},
	{"counter over the end", same(func(r raw) { r.putReloc(2, abi.RELOC_LINK_COUNTER32, 61, 0, 0) }), badReloc},
	{"arena behind the code", same(func(r raw) { r.putReloc(2, abi.RELOC_ARENA_ABS64, 0, 0, 64) }), badReloc},
	{"arena before the code", same(func(r raw) { r.putReloc(2, abi.RELOC_ARENA_ABS64, 0, 0, minusOne) }), badReloc},
	{"helper", same(func(r raw) { r.putReloc(2, abi.RELOC_HELPER_ABS64, 0, abi.HELPER_COUNT, 0) }), badReloc},
	{"map", same(func(r raw) { r.putReloc(2, abi.RELOC_MAP_ABS64, 0, 2, 0) }), badReloc},
	{"map 2^24-1", same(func(r raw) { r.putReloc(2, abi.RELOC_MAP_ABS64, 0, 0xffffff, 0) }), badReloc},
	{"end of a map", same(func(r raw) { r.putReloc(2, abi.RELOC_MAP_ABS64, 0, 0, abi.MAP_DATA_OFF) }), badReloc},
	{"last byte of a map", same(func(r raw) { r.putReloc(2, abi.RELOC_MAP_ABS64, 0, 0, abi.MAP_DATA_OFF-1) }), ""},
	{"before a map", same(func(r raw) { r.putReloc(2, abi.RELOC_MAP_ABS64, 0, 1, minusOne) }), badReloc},
	{"counter of a link", same(func(r raw) { r.putReloc(2, abi.RELOC_LINK_COUNTER32, 0, 2, 0) }), badReloc},
}

var patches = []broken{
	{"no bytes", same(func(r raw) { r[r.patch(0, 0, 20)] = 0 }), badPatch},
	{"17 bytes", same(func(r raw) { r[r.patch(0, 0, 20)] = 17 }), badPatch},
	{"255 bytes", same(func(r raw) { r[r.patch(0, 0, 20)] = 255 }), badPatch},
	{"field over the end", same(func(r raw) { r[r.patch(0, 0, 21)] = 13 }), badPatch},
	{"field far over the end", same(func(r raw) { r[r.patch(0, 0, 21)] = 254 }), badPatch},
	{"no field", same(func(r raw) { r[r.patch(0, 0, 21)] = abi.PATCH_NO_REL }), ""},
	{"no field in two bytes", same(func(r raw) { r[r.patch(0, 0, 20)], r[r.patch(0, 0, 21)] = 2, abi.PATCH_NO_REL }), ""},
	{"no field in no bytes", same(func(r raw) { r[r.patch(0, 0, 20)], r[r.patch(0, 0, 21)] = 0, abi.PATCH_NO_REL }), badPatch},
	{"field of 3 bytes", same(func(r raw) { r[r.patch(0, 0, 20)], r[r.patch(0, 0, 21)] = 3, 0 }), badPatch},
	{"stub behind the code", same(func(r raw) { r.put32(r.patch(0, 0, 16), 64) }), badPatch},
	{"stub far behind", same(func(r raw) { r.put32(r.patch(0, 0, 16), 0xffffffff) }), badPatch},
	{"before the text", same(func(r raw) { r.put64(r.patch(0, 0, 0), 0x400fff) }), badPatch},
	{"at the end of the text", same(func(r raw) { r.put64(r.patch(0, 0, 0), 0x401104) }), badPatch},
	{"over the end of the text", same(func(r raw) { r.put64(r.patch(0, 0, 0), 0x401100) }), badPatch},
	{"up to the end of the text", same(func(r raw) { r.put64(r.patch(0, 0, 0), 0x4010f4) }), ""},
	{"address wraps", same(func(r raw) { r.put64(r.patch(0, 0, 0), minusOne) }), badPatch},
	{"a later one", same(func(r raw) { r.put32(r.patch(0, 1, 16), 64) }), "a patch is out of bounds: unit 0: patch 1"},
	{"another unit's", same(func(r raw) { r.put32(r.patch(1, 0, 16), 1) }), "a patch is out of bounds: unit 1: patch 0"},
}

// allBroken is every case by a name of its own, and its bytes.
func allBroken(t testing.TB) map[string]broken {
	t.Helper()
	all := map[string]broken{"whole": {"whole", same(func(raw) {}), ""}}
	for group, cases := range map[string][]broken{"header": headers, "table": tables(), "empty": emptyTables, "name": names,
		"unit": unitFields, "reloc": relocs, "patch": patches} {
		for _, c := range cases {
			name := group + ": " + c.name
			if _, twice := all[name]; twice {
				t.Fatalf("two cases are named %q", name)
			}
			all[name] = c
		}
	}
	return all
}

func (c broken) bytes(t testing.TB) []byte { return c.change(bytes.Clone(encode(t, whole()))) }

// TestBroken: every bound of a plan is checked, and the error says which and where.
func TestBroken(t *testing.T) {
	for name, c := range allBroken(t) {
		t.Run(name, func(t *testing.T) {
			p, err := Decode(c.bytes(t))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want == "":
			case p != nil || fmt.Sprint(err) != "plan: "+c.want:
				t.Errorf("error %v\nwant  plan: %s", err, c.want)
			case !errors.Is(err, ErrMalformed):
				t.Errorf("%v is not ErrMalformed", err)
			}
		})
	}
}
