package verifier_test

import (
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// arenas are the maps of the cases: two arenas, an array of one entry, a hash, a ring.
var arenas = []verifier.Map{
	{Name: "arena", Type: 33, MaxEntries: 4, Start: 1 << 44},
	{Name: "other", Type: 33, MaxEntries: 4, Start: 1 << 44},
	{Name: "bss", Type: 2, KeySize: 4, ValueSize: 16, MaxEntries: 1},
	{Name: "table", Type: 1, KeySize: 4, ValueSize: 16, MaxEntries: 4},
	{Name: "ring", Type: 27, MaxEntries: 4096},
	{Name: "huge", Type: 33, MaxEntries: 1<<20 + 1, Start: 1 << 44},
}

func verifyArena(t *testing.T, text string) (*proof.Verified, error) {
	t.Helper()
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: len(arenas)})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return verifier.Verify(p, verifier.Options{Maps: arenas, Context: 168, WriteContext: true})
}

const (
	inArena = "r6 = map[0][0]+8; r6 = addr_space_cast(r6, 0x0, 0x1); "
	exits   = "; r0 = 0; exit"
)

// TestArenaAccesses: which instructions access the arena is known, by whatever way the address went.
func TestArenaAccesses(t *testing.T) {
	for _, c := range []struct{ text, want string }{ // want: of each access, whether it is the arena's
		{inArena + "*(u64 *)(r6 + 0) = 1; *(u64 *)(r10 - 8) = 2; r0 = *(u64 *)(r6 + 0); exit", "yny"},
		{inArena + "r7 = r6; r7 += r1; r7 &= -8; *(u64 *)(r7 + 0) = 1" + exits, "y"},
		{inArena + "r7 = *(u64 *)(r1 + 0); r7 += r6; *(u64 *)(r7 + 0) = 1" + exits, "ny"},
		{inArena + "w7 = w6; *(u64 *)(r7 + 0) = 1" + exits, "y"},
		{inArena + "*(u64 *)(r10 - 16) = r6; r7 = *(u64 *)(r10 - 16); r7 = *(u64 *)(r7 + 0)" + exits, "nny"},
		{inArena + "r1 = 1; r1 = atomic_fetch_add((u64 *)(r6 + 0), r1); w2 = load_acquire((u32 *)(r6 + 0)); store_release((u32 *)(r6 + 0), w2)" + exits, "yyy"},
		// On both ways, and null on one of them.
		{inArena + "if r1 == 0 goto go; r6 = 0\ngo: *(u64 *)(r6 + 0) = 1" + exits, "y"},
		{inArena + "again: r6 = *(u64 *)(r6 + 0); if r6 == 0 goto out; r6 = addr_space_cast(r6, 0x0, 0x1); goto again\nout: r0 = 0; exit", "y"},
		{inArena + "r1 = r6; r2 = 8; call f; r1 = r6; r1 += 8; r2 = 9; call f; exit\nf: *(u64 *)(r1 + 0) = r2; r0 = 0; exit", "y"},
		// A number from the arena is an index of other memory; of what a callback and a callee were given, too.
		{inArena + "r7 = *(u64 *)(r6 + 0); r7 &= 7; r8 = map[2][0]+0; r8 += r7; *(u8 *)(r8 + 0) = 1" + exits, "yn"},
		{inArena + "r2 = *(u64 *)(r6 + 0); r2 &= 7; r1 = r10; r1 += -8; call f; exit\nf: r1 += r2; *(u8 *)(r1 + 0) = 1; r0 = 0; exit", "yn"},
		{inArena + "r1 = *(u64 *)(r6 + 0); *(u64 *)(r10 - 8) = r1; r1 = 2; r2 = subprog[f]; r3 = r10; r3 += -8; r4 = 0; call 181; r0 = 0; exit\nf: r0 = *(u64 *)(r2 + 0); exit", "ynn"},
		{inArena + "r7 = *(u64 *)(r6 + 0); *(u64 *)(r10 - 8) = r7; r1 = map[3]; r2 = r10; r2 += -8; call 1; if r0 == 0 goto out; *(u64 *)(r0 + 0) = r7\nout: r0 = 0; exit", "ynn"},
		// What was there before a call is there behind it.
		{inArena + "*(u64 *)(r10 - 8) = r6; r1 = 0; call f; r6 = *(u64 *)(r10 - 8); *(u64 *)(r6 + 0) = 1; exit\nf: r0 = 0; exit", "nny"},
		// Pages.
		{"r1 = map[0]; r2 = 0; w3 = 1; w4 = -1; r5 = 0; call 242; r0 = addr_space_cast(r0, 0x0, 0x1); *(u64 *)(r0 + 0) = 1" + exits, "y"},
	} {
		v, err := verifyArena(t, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got := ""
		for i, in := range v.Program().Instructions() {
			switch class := in.OpCode.Class(); {
			case class != vm.LDX && class != vm.ST && class != vm.STX:
			case v.Arena().Accesses[i]:
				got += "y"
			default:
				got += "n"
			}
		}
		if a := v.Arena(); got != c.want || a.Map != 0 || a.Size != 4*4096 || a.Start != 1<<44 {
			t.Errorf("%s\n got %s in %d, %d bytes at %#x\nwant %s", c.text, got, a.Map, a.Size, a.Start, c.want)
		}
	}
}

// TestArenaRefused: an address of the arena is never followed as one of the process.
func TestArenaRefused(t *testing.T) {
	const notCast = "may be an address in the arena that was not cast"
	for _, c := range []struct{ text, want string }{
		{"r6 = map[0][0]+8; *(u64 *)(r6 + 0) = 1" + exits, "r6 " + notCast},
		{"r6 = map[0][0]+8; r6 += 8; r0 = *(u64 *)(r6 + 0); exit", "r6 " + notCast},
		{inArena + "r7 = addr_space_cast(r6, 0x1, 0x0); r0 = *(u64 *)(r7 + 0); exit", "r7 " + notCast},
		{inArena + "r7 = *(u64 *)(r6 + 0); r0 = *(u64 *)(r7 + 0); exit", "r7 " + notCast},
		{inArena + "r7 = r6; r7 -= r6; r8 = r7; r7 = 5; r7 -= r6; r0 = *(u64 *)(r7 + 0); exit", "r7 " + notCast},
		{inArena + "r1 = 1; r1 = atomic_fetch_add((u64 *)(r6 + 0), r1); r0 = *(u64 *)(r1 + 0); exit", "r1 " + notCast},
		{"r1 = map[0]; r2 = 0; w3 = 1; w4 = -1; r5 = 0; call 242; *(u64 *)(r0 + 0) = 1" + exits, "r0 " + notCast},
		// Or something else.
		{inArena + "if r1 == 0 goto go; r6 = r10\ngo: *(u64 *)(r6 - 8) = 1" + exits, "r6 " + notCast},
		{inArena + "if r1 == 0 goto go; r6 = map[2][0]+0\ngo: *(u64 *)(r6 + 0) = 1" + exits, "r6 " + notCast},
		{inArena + "r7 = r6; r6 = r1; r1 = r7; call f; r1 = r6; call f; exit\nf: *(u64 *)(r1 + 0) = 1; r0 = 0; exit", "r1 " + notCast},
		// By way of memory that is not followed.
		{inArena + "r7 = map[2][0]+0; *(u64 *)(r7 + 0) = r6; r7 = *(u64 *)(r7 + 0); r0 = *(u64 *)(r7 + 0); exit", "r7 " + notCast},
		{inArena + "*(u64 *)(r10 - 8) = r6; r7 = r10; r7 += r1; *(u8 *)(r7 + 0) = 0; r7 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r7 + 0); exit", "r7 " + notCast},
		{inArena + "call f; r0 = *(u64 *)(r0 + 0); exit\nf: r0 = map[0][0]+0; exit", "r0 " + notCast},
		// Helpers.
		{inArena + "r1 = map[3]; r2 = r6; call 1" + exits, "bpf_map_lookup_elem#1 cannot be given memory of the arena, in r2"},
		{inArena + "r1 = r6; r2 = 8; r3 = 0; call 4" + exits, "bpf_probe_read#4 cannot be given memory of the arena, in r1"},
		{inArena + "r1 = map[4]; r2 = *(u64 *)(r6 + 0); r3 = 8; r4 = 0; call 130" + exits, "bpf_ringbuf_output#130 cannot be given memory of the arena, in r2"},
		{"r1 = map[0]; r2 = r10; r2 += -8; *(u64 *)(r10 - 8) = 0; call 1" + exits, `bpf_map_lookup_elem#1 cannot be given map "arena" of type arena`},
		{"r1 = map[3]; r2 = 0; w3 = 1; w4 = -1; r5 = 0; call 242" + exits, `bpf_arena_alloc_pages cannot be given map "table" of type hash: it takes arena`},
		// Arenas.
		{"r6 = addr_space_cast(r1, 0x0, 0x1)" + exits, "a cast of addresses in a program that does not refer to its arena"},
		{"r1 = map[0]; r2 = map[1]" + exits, `map "other" is its second arena, after map "arena"`},
		{"r1 = map[5]" + exits, `map "huge" has 4294971392 bytes; an arena has at most 2147483648`},
		{"r1 = map[0][0]+16384" + exits, `byte 16384 of map "arena", which has 16384`},
	} {
		if _, err := verifyArena(t, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}
