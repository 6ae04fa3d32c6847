package plan

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// whole is a plan with something in every table, and the longest and the shortest
// of what has a length.
func whole() *Plan {
	sixteen := bytes.Repeat([]byte{0x90}, 16)
	return &Plan{
		Abort: true,
		Calls: true,
		Links: []Link{
			{Name: "funccount uprobe/libc:malloc", Kind: abi.LINK_ENTRY, Tactic: abi.TACTIC_JUMP},
			{Name: "funccount uretprobe/libc:gone", Kind: abi.LINK_RETURN, Why: "no such symbol", Refused: 2, Calls: 7},
		},
		Maps:  []Map{{Path: "/run/s/maps/a.b", Size: abi.MAP_DATA_OFF}, {Path: "/run/s/maps/a.c", Size: 1 << 40}},
		Wants: []string{"libplugin", "/opt/late.so"},
		Units: []*Unit{{
			Path: "/usr/lib/libc.so.6", BuildID: bytes.Repeat([]byte{0xab}, 32), LoadBase: 0x400000,
			Code: make([]byte, 64),
			Relocs: []Reloc{
				{Kind: abi.RELOC_MODULE_REL32, At: 60, Addend: -5}, {Kind: abi.RELOC_MODULE_ABS64, At: 56, Addend: 1 << 47},
				{Kind: abi.RELOC_ARENA_ABS64, At: 0, Addend: 63}, {Kind: abi.RELOC_HELPER_ABS64, At: 8, Sym: abi.HELPER_COUNT - 1},
				{Kind: abi.RELOC_MAP_ABS64, At: 16, Sym: 1, Addend: 1<<40 - 1},
				{Kind: abi.RELOC_LINK_COUNTER32, At: 60, Sym: 1},
			},
			Patches: []Patch{
				{Vaddr: 0x401000, Tactic: abi.TACTIC_JUMP, Stub: 63, RelAt: 12, Orig: sixteen, Text: bytes.Repeat([]byte{0xcc}, 16)},
				{Vaddr: 0x401100, Tactic: abi.TACTIC_RETURN_C, RelAt: 0, Orig: []byte{1, 2, 3, 4}, Text: []byte{5, 6, 7, 8}},
				{Vaddr: 0x401010, Tactic: abi.TACTIC_SHORT, RelAt: abi.PATCH_NO_REL, Orig: []byte{1, 2}, Text: []byte{0xeb, 8}},
			},
			Semaphores: []uint64{0x500002, 1 << 46},
			Outposts:   []Outpost{{Vaddr: 0xffffffff00400000, Stub: 63}, {Vaddr: 0x1003ffff2, Stub: 0}},
			Came:       16,
			Dispatch:   8,
		}, {
			Path: "/lib64/ld.so", BuildID: []byte{}, Late: true, Hook: true, Code: []byte{0xc3},
			Patches: []Patch{{Vaddr: 0, Tactic: abi.TACTIC_PADDING, RelAt: 1, Orig: []byte{1, 2, 3, 4, 5}, Text: []byte{0xe9, 0, 0, 0, 0}}},
		}},
	}
}

func encode(t testing.TB, p *Plan) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t testing.TB, b []byte) *Plan {
	t.Helper()
	p, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRoundTrip(t *testing.T) {
	for name, p := range map[string]*Plan{"whole": whole(), "empty": {}, "wishes": {Wants: []string{"libc"}}} {
		t.Run(name, func(t *testing.T) {
			b := encode(t, p)
			if got := decode(t, b); !reflect.DeepEqual(got, p) {
				t.Errorf("decoded\n%s\nencoded was\n%s", show(got), show(p))
			}
			if again := encode(t, decode(t, b)); !bytes.Equal(again, b) {
				t.Error("the same plan has two encodings")
			}
		})
	}
}

// TestLayout: the bytes of a small plan, as abi/structs.h says they lie.
func TestLayout(t *testing.T) {
	text, err := os.ReadFile("testdata/small.golden")
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for line := range strings.Lines(string(text)) {
		digits, _, _ := strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want = append(want, b...)
	}
	got := encode(t, &Plan{
		Links: []Link{{Name: "a b", Kind: abi.LINK_RETURN, Tactic: abi.TACTIC_RETURN_B}},
		Maps:  []Map{{Path: "m", Size: 0x2000}},
		Wants: []string{"w"},
		Units: []*Unit{{
			Path: "m", BuildID: []byte{0xaa, 0xbb}, LoadBase: 0x10000, Late: true, Code: bytes.Repeat([]byte{Fill}, 20),
			Relocs:     []Reloc{{Kind: abi.RELOC_MAP_ABS64, At: 8, Addend: 0x1008}},
			Patches:    []Patch{{Vaddr: 0x10203, Tactic: abi.TACTIC_JUMP, Stub: 16, RelAt: 1, Orig: []byte{1, 2, 3, 4, 5}, Text: []byte{0xe9, 0, 0, 0, 0}}},
			Semaphores: []uint64{0x11002},
			Outposts:   []Outpost{{Vaddr: ^uint64(0xfdf), Stub: 8}},
		}},
	})
	if !bytes.Equal(got, want) {
		t.Errorf("encoded\n%swant\n%s", hex.Dump(got), hex.Dump(want))
	}
}

// TestEncodeRefuses: what no applier would accept is not written.
func TestEncodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Plan)
		want   string
	}{
		{"links", func(p *Plan) { p.Links = make([]Link, 257) },
			"plan: 257 links; a session has room for 256: use fewer specifications, or globs"},
		{"build-id", func(p *Plan) { p.Units[0].BuildID = make([]byte, 33) },
			"plan: /usr/lib/libc.so.6: a build-id of 33 bytes; at most 32 are kept"},
		{"outposts", func(p *Plan) { p.Units[0].Outposts = make([]Outpost, 33) },
			"plan: /usr/lib/libc.so.6: 33 outposts; at most 32 are mapped"},
		{"long patch", func(p *Plan) {
			p.Units[0].Patches[0].Text, p.Units[0].Patches[0].Orig = make([]byte, 17), make([]byte, 17)
		}, "plan: /usr/lib/libc.so.6+0x401000: a patch of 17 bytes over 17"},
		{"uneven patch", func(p *Plan) { p.Units[0].Patches[0].Orig = make([]byte, 15) },
			"plan: /usr/lib/libc.so.6+0x401000: a patch of 16 bytes over 15"},
		{"field of a patch", func(p *Plan) { p.Units[0].Patches[0].RelAt = 13 },
			"plan: /usr/lib/libc.so.6+0x401000: a patch of 16 bytes over 16"},
		{"no site", func(p *Plan) { p.Units[1].Patches = nil },
			"plan: /lib64/ld.so: 1 bytes of code for 0 sites from 0xffffffffffffffff to 0x0; a unit has some of both, within 2 GiB"},
		{"no code", func(p *Plan) { p.Units[1].Code = nil },
			"plan: /lib64/ld.so: 0 bytes of code for 1 sites from 0x0 to 0x5; a unit has some of both, within 2 GiB"},
		{"sites far apart", func(p *Plan) { p.Units[0].Patches[1].Vaddr = 0x401000 + 1<<31 },
			"plan: /usr/lib/libc.so.6: 64 bytes of code for 3 sites from 0x401000 to 0x80401004; a unit has some of both, within 2 GiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := whole()
			c.change(p)
			if b, err := p.Encode(); err == nil || err.Error() != c.want || b != nil {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// TestDecodedCode: code appended to a decoded unit leaves the plan's bytes alone.
func TestDecodedCode(t *testing.T) {
	b := encode(t, whole())
	before := bytes.Clone(b)
	decode(t, b).Units[0].Emit(1, 2, 3, 4)
	if !bytes.Equal(b, before) {
		t.Error("Emit on a decoded unit wrote into the encoded plan")
	}
}

// TestCode: what the writers of code append, and the relocations they leave.
func TestCode(t *testing.T) {
	var u Unit
	u.Emit(0xc3)
	if at := u.Align(4); at != 4 {
		t.Errorf("aligned to %d", at)
	}
	u.Emit32(0x04030201)
	u.Emit64(0x0807060504030201)
	u.Rel32(0)
	u.Rel32(u.Len() + 4)
	abs := u.Field(abi.RELOC_MAP_ABS64, 3, 7)
	counter := u.Field(abi.RELOC_LINK_COUNTER32, 4, 0)
	u.ModuleRel32(0x1000, 2)
	const want = "c3cccccc" + "01020304" + "0102030405060708" + "ecffffff" + "00000000" + "0000000000000000" + "00000000" + "00000000"
	if got := hex.EncodeToString(u.Code); got != want {
		t.Errorf("code\n%s, want\n%s", got, want)
	}
	relocs := []Reloc{{abi.RELOC_MAP_ABS64, 24, 3, 7}, {abi.RELOC_LINK_COUNTER32, 32, 4, 0}, {abi.RELOC_MODULE_REL32, 36, 0, 0xffe}}
	if !reflect.DeepEqual(u.Relocs, relocs) || abs != 24 || counter != 32 {
		t.Errorf("relocations %v (at %d and %d), want %v", u.Relocs, abs, counter, relocs)
	}
}
