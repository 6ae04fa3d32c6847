package trampoline

import (
	"cmp"
	"slices"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
)

// TestSources: what is found at once is what a scan for one goal finds.
func TestSources(t *testing.T) {
	f, err := elfsym.Open("/lib/x86_64-linux-gnu/libc.so.6")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	br := ScanBranches(f, make([]uint64, maxRegions+1)) // the whole text
	br.leadingTo(0)
	if len(br.all) < 10000 {
		t.Fatalf("only %d branches", len(br.all))
	}
	bySource := func(a, b branch) int { return cmp.Compare(a.source, b.source) }
	for i := 0; i < len(br.all); i += len(br.all) / 50 {
		goal := br.all[i].goal
		once, each := slices.SortedFunc(slices.Values(br.leadingTo(goal)), bySource), br.between(goal, goal+1)
		if !slices.Equal(once, each) {
			t.Errorf("branches to %#x: %x, by a scan of their own %x", goal, once, each)
		}
	}
}
