package registers

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestSharedPatches: a program at every instruction of a function, at its entry and at its return, where there is room for
// a few patches only. Each runs once for each call, and nothing changes.
func TestSharedPatches(t *testing.T) {
	const n = 50
	offsets := map[string][]int{"f_many_a": {1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 17}, "f_many_c": {1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 16}}
	for _, site := range []string{"f_many_a", "f_many_c"} {
		name := program(t) + ":site_" + site
		entry, ret := "uprobe/"+name, "uretprobe/"+name
		var inside []string
		for _, off := range offsets[site] {
			inside = append(inside, fmt.Sprintf("uprobe/%s+%#x", name, off))
		}
		for what, specs := range map[string][]string{
			"inside": inside, "with entry": append([]string{entry}, inside...), "with return": append([]string{ret}, inside...),
			"with both": append(slices.Clone(inside), ret, entry), "two": {inside[2], entry}, "last": {ret, inside[len(inside)-1]},
		} {
			t.Run(site+" "+what, func(t *testing.T) {
				tr := host.Of(specs...)
				plain, traced := rounds(t, tr, site, n)
				for i := range plain { // below a function that is called is nobody's
					if site == "f_many_a" {
						plain[i].After.R[rdx], traced[i].After.R[rdx] = 0, 0 // and so is what it read there
					}
					if what != "inside" { // flags are dead at entries and returns
						plain[i].After.Flags, traced[i].After.Flags = 0, 0
					}
					plain[i].After.Below, traced[i].After.Below = [128]byte{}, [128]byte{}
				}
				same(t, plain, traced)
				for _, spec := range specs {
					tr.WantHits(t, spec, n)
				}
			})
		}
	}
}

// TestSharedRegisters: amid a patch that begins with an entry, a program is given all as it is there.
func TestSharedRegisters(t *testing.T) {
	const n = 50
	for _, ret := range []bool{false, true} {
		name := program(t) + ":site_f_many_a"
		text := fmt.Sprintf("objects:\n- {path: %s, attach: {see: uprobe/%s+3}}\n- {gadget: funccount, args: [uprobe/%s]}\n", object(t, "see"), name, name)
		below := uint64(0)
		if ret { // the body is called below two words of ours
			text += fmt.Sprintf("- {gadget: funccount, args: [uretprobe/%s]}\n", name)
			below = 16
		}
		tr := &host.Trace{Text: text}
		_, traced := rounds(t, tr, "f_many_a", n)
		for i, got := range seen(t, tr, "see.seen", n) {
			before := traced[i].Before
			want := registers{R: before.R, OrigRAX: ^uint64(0), RIP: symbol(t, "site_f_many_a") + 3, CS: 0x33, RSP: before.RSP - below, SS: 0x2b}
			got.Eflags = 0 // dead at the entry
			if got != want {
				t.Fatalf("round %d:%s", i, difference(got, want))
			}
		}
	}
}
