package objects

import (
	"testing"

	"github.com/bpftime-go/bpftime/gadgets"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestLatency: the histogram of funclatency has every call in it, and the shape of the one that the same program makes in
// the kernel. Four in five calls are of work that takes sixteen times as long as that of the rest, so both have two humps.
func TestLatency(t *testing.T) {
	const calls = 500
	c := host.Cmd{Args: []string{target(t), "work", "500"}, Dir: host.WorkDir(t)}
	tr := trace(t, variant{}, "objects: [{gadget: funclatency, args: [\"uprobe//proc/self/exe:work\"]}]")
	host.Compare(t, c, tr)
	wantQuiet(t, tr)
	here := table(t, tr, "funclatency.latency_ns")
	if n := sumOf(here); n != calls {
		t.Errorf("%d calls in the histogram, want %d: %v", n, calls, counted(here))
	}
	g, err := gadgets.Find("funclatency")
	if err != nil {
		t.Fatal(err)
	}
	f := []string{"work"}
	kernel := inKernel(t, g.Object, target(t), c, places{program: "on_entry", functions: f}, places{program: "on_return", onReturn: true, functions: f})
	if kernel == nil {
		return
	}
	there := map[uint64]uint64{}
	for slot, words := range kernel.wide("latency_ns") {
		there[slot] = words[0]
	}
	if n := sumOf(there); n != calls {
		t.Errorf("the kernel has %d calls in its histogram, want %d", n, calls)
	}
	for _, part := range []uint64{calls / 10, calls / 2, calls * 8 / 10} {
		if a, b := slotOf(here, part), slotOf(there, part); a > b+2 || b > a+2 {
			t.Errorf("call %d of %d is in slot %d here, in %d in the kernel:\n%v\n%v", part, calls, a, b, counted(here), counted(there))
		}
	}
}

func sumOf(hist map[uint64]uint64) (sum uint64) {
	for _, n := range hist {
		sum += n
	}
	return sum
}

// slotOf is the slot that has the n-th smallest value in it.
func slotOf(hist map[uint64]uint64, n uint64) uint64 {
	for slot := uint64(0); slot < 64; slot++ {
		if n <= hist[slot] {
			return slot
		}
		n -= hist[slot]
	}
	return 64
}
