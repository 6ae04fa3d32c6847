package verifier_test

import (
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// kinds are the maps of the cases below; map 8 is read by programs only, map 9 written only.
var kinds = []verifier.Map{
	{Name: "table", Type: 1, KeySize: 4, ValueSize: 16, MaxEntries: 8},
	{Name: "ring", Type: 27, MaxEntries: 4096},
	{Name: "fifo", Type: 22, ValueSize: 8, MaxEntries: 8},
	{Name: "traces", Type: 7, KeySize: 4, ValueSize: 80, MaxEntries: 8},
	{Name: "outer", Type: 12, KeySize: 4, ValueSize: 4, MaxEntries: 8, Inner: &verifier.Map{Name: "outer.inner", Type: 27, MaxEntries: 4096}},
	{Name: "bloom", Type: 30, ValueSize: 8, MaxEntries: 8},
	{Name: "trie", Type: 11, KeySize: 8, ValueSize: 8, MaxEntries: 8},
	{Name: "array", Type: 2, KeySize: 4, ValueSize: 16, MaxEntries: 8},
	{Name: "ro", Type: 1, KeySize: 4, ValueSize: 16, MaxEntries: 8, Flags: 1 << 7},
	{Name: "wo", Type: 1, KeySize: 4, ValueSize: 16, MaxEntries: 8, Flags: 1 << 8},
	{Name: "sums", Type: 6, KeySize: 4, ValueSize: 16, MaxEntries: 8},
}

const (
	// r2 points to 8 bytes of the frame, r3 too.
	key = "*(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -8; r3 = r2; "
	ok  = "; r0 = 0; exit"
)

func verifyKinds(t *testing.T, text string) error {
	t.Helper()
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: len(kinds)})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	_, err = verifier.Verify(p, verifier.Options{Maps: kinds, Context: 168, WriteContext: true})
	return err
}

func TestMapsAccepted(t *testing.T) {
	for _, text := range []string{
		key + "r1 = map[0]; call 1" + ok,
		key + "r1 = map[6]; r4 = 0; call 2" + ok,
		key + "r1 = map[5]; r3 = 0; call 87" + ok,
		key + "r1 = map[1]; r3 = 8; r4 = 0; call 130" + ok,
		key + "r1 = map[8]; call 1; if r0 == 0 goto out; r0 = *(u64 *)(r0 + 0)\nout: r0 = 0; exit",
		key + "r1 = map[9]; call 1; if r0 == 0 goto out; *(u64 *)(r0 + 0) = 1\nout: r0 = 0; exit",
		// The ring that was found in the outer map; nobody knows of one that came by a value.
		key + "r1 = map[4]; call 1; if r0 == 0 goto out; r1 = r0; r2 = r10; r2 += -8; r3 = 8; r4 = 0; call 130\nout: r0 = 0; exit",
		key + "r1 = map[0]; call 1; if r0 == 0 goto out; r1 = map[1]; *(u64 *)(r0 + 0) = r1; r1 = *(u64 *)(r0 + 0); r2 = r10; r2 += -8; call 1\nout: r0 = 0; exit",
		// Which map goes with which call depends on an argument.
		"r1 = map[0]; r2 = 0; call f; r1 = map[2]; r2 = 1; call f; exit\nf: r4 = r2; *(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -8; if r4 == 0 goto look; call 89; exit\nlook: call 1; r0 = 0; exit",
	} {
		if err := verifyKinds(t, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMapsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{key + "r1 = map[1]; call 1" + ok, `call 1: bpf_map_lookup_elem#1 cannot be given map "ring" of type ringbuf: it takes hash, array, percpu_hash, percpu_array, lru_hash, lru_percpu_hash, lpm_trie, array_of_maps, hash_of_maps`},
		{key + "r1 = map[0]; r3 = 8; r4 = 0; call 130" + ok, `call 130: bpf_ringbuf_output#130 cannot be given map "table" of type hash: it takes ringbuf`},
		{key + "r1 = map[5]; call 88" + ok, `call 88: bpf_map_pop_elem#88 cannot be given map "bloom" of type bloom_filter: it takes queue, stack`},
		{key + "r1 = map[3]; call 1" + ok, `call 1: bpf_map_lookup_elem#1 cannot be given map "traces" of type stack_trace`},
		{"r6 = r1; r1 = r6; r2 = map[0]; r3 = 0; call 27" + ok, `call 27: bpf_get_stackid#27 cannot be given map "table" of type hash: it takes stack_trace`},
		{"r1 = map[6]; r2 = subprog[f]; r3 = 0; r4 = 0; call 164; exit\nf: r0 = 0; exit", `bpf_for_each_map_elem#164 cannot be given map "trie" of type lpm_trie`},
		{"r2 = map[7]; r3 = 0; call 12" + ok, `bpf_tail_call#12 cannot be given map "array" of type array: it takes prog_array`},
		{key + "r1 = map[4]; r4 = 0; call 2" + ok, `bpf_map_update_elem#2 cannot be given map "outer" of type array_of_maps`},
		{key + "r1 = r10; call 1" + ok, `call 1: bpf_map_lookup_elem#1 wants a map in r1`},
		{key + "r1 = 0; call 1" + ok, `call 1: bpf_map_lookup_elem#1 wants a map in r1`},
		// By way of the frame, a function, a branch, an outer map.
		{key + "r1 = map[1]; *(u64 *)(r10 - 16) = r1; call 14; r1 = *(u64 *)(r10 - 16); r2 = r10; r2 += -8; call 1" + ok, `map "ring" of type ringbuf`},
		{"r1 = map[1]; call f; exit\nf: " + key + "call 1" + ok, `map "ring" of type ringbuf`},
		{key + "r4 = *(u64 *)(r1 + 0); r1 = map[0]; if r4 == 0 goto go; r1 = map[1]\ngo: call 1" + ok, `map "ring" of type ringbuf`},
		{key + "r1 = map[4]; call 1; if r0 == 0 goto out; r1 = r0; r2 = r10; r2 += -8; call 1\nout: r0 = 0; exit", `map "outer.inner" of type ringbuf`},
		{key + "r3 = 0; r1 = map[10]; call 195; if r0 == 0 goto out; r1 = r0; r2 = 8; r3 = 0; call 4\nout: r0 = 0; exit", `call 4: writes to what bpf_map_lookup_percpu_elem returned, which is a sum`},
		// Flags.
		{key + "r1 = map[8]; r4 = 0; call 2" + ok, `bpf_map_update_elem#2 changes map "ro", which programs may only read`},
		{key + "r1 = map[8]; call 3" + ok, `bpf_map_delete_elem#3 changes map "ro", which programs may only read`},
		{key + "r1 = map[8]; call 1; if r0 == 0 goto out; *(u8 *)(r0 + 3) = 1\nout: r0 = 0; exit", `*(u8 *)(r0 + 3) = 1: writes to map "ro", which programs may only read`},
		{key + "r1 = map[8]; call 1; r1 = 1; if r0 == 0 goto out; lock *(u64 *)(r0 + 0) += r1\nout: r0 = 0; exit", `writes to map "ro"`},
		{key + "r1 = map[8]; call 1; if r0 == 0 goto out; r1 = r0; r2 = 8; r3 = 0; call 4\nout: r0 = 0; exit", `call 4: writes to map "ro"`},
		{key + "r6 = *(u64 *)(r1 + 0); r1 = map[8]; call 1; if r0 == 0 goto out; r0 += r6; *(u8 *)(r0 + 0) = 1\nout: r0 = 0; exit", `writes to map "ro"`},
		{key + "r6 = 0; r1 = map[8]; call 1; if r0 == 0 goto on; r6 = r0\non: if r6 == 0 goto out; *(u8 *)(r6 + 0) = 1\nout: r0 = 0; exit", `writes to map "ro"`},
		{"r1 = map[8]; r2 = subprog[f]; r3 = 0; r4 = 0; call 164; exit\nf: *(u64 *)(r3 + 0) = 1; r0 = 0; exit", `writes to map "ro"`},
		{key + "r1 = map[9]; call 1; if r0 == 0 goto out; r0 = *(u64 *)(r0 + 0)\nout: r0 = 0; exit", `r0 = *(u64 *)(r0 + 0): reads map "wo", which programs may only write`},
		{key + "r1 = map[9]; call 1; if r0 == 0 goto out; r1 = r0; r2 = 8; r3 = 0; call 105\nout: r0 = 0; exit", `call 105: reads map "wo"`},
	} {
		if err := verifyKinds(t, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// Every helper that takes a map takes one of some type, and every type is taken by some helper.
func TestEveryTypeHasHelpers(t *testing.T) {
	taken := map[uint32]bool{}
	for id := range int32(256) {
		if p, ok := helper.ByID(id); !ok || !strings.Contains(helper.Describe(id), "bpf_") || !takesMap(p) {
			continue
		}
		types := helper.MapsOf(id)
		if len(types) == 0 {
			t.Errorf("%s takes no map", helper.Describe(id))
		}
		for _, m := range types {
			taken[m] = true
		}
	}
	for _, m := range helper.MapTypes() {
		if !taken[m] {
			t.Errorf("no helper takes a %s", helper.MapTypeName(m))
		}
	}
}

func takesMap(p helper.Proto) bool {
	for _, arg := range p.Args {
		if arg.Kind() == helper.ConstMapPtr {
			return true
		}
	}
	return false
}
