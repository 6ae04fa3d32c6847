package registers

import (
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestOffsets: at an instruction inside a function nothing changes for the host, and programs are given all as it is: one
// that is given pt_regs, one that is not, and both on one site; on the thread's stack and on another.
func TestOffsets(t *testing.T) {
	for _, name := range []string{"nop1", "nop5", "flags", "jumps", "call", "last"} {
		for _, objects := range []string{"see", "count", "see count"} {
			for _, where := range [][]string{nil, {"far"}} {
				t.Run(fmt.Sprint(name, " ", objects, where), func(t *testing.T) { offsets(t, name, objects, where) })
			}
		}
	}
}

func offsets(t *testing.T, name, objects string, where []string) {
	const n = 300
	spec := fmt.Sprintf("uprobe/%s:site_%s+%#x", program(t), name, offset(t, name))
	text := "objects:\n"
	if objects != "count" {
		text += fmt.Sprintf("- {path: %s, attach: {see: %q}}\n", object(t, "see"), spec)
	}
	if objects != "see" {
		text += fmt.Sprintf("- {gadget: funccount, args: [%q]}\n", spec)
	}
	tr := &host.Trace{Text: text}
	plain, traced := rounds(t, tr, name, n, where...)
	same(t, plain, traced)
	if objects != "count" {
		given(t, traced, seen(t, tr, "see.seen", n), symbol(t, "at_"+name))
	}
	tr.WantHits(t, spec, n)
}

// TestStorm: signals come at any instruction of a stub.
func TestStorm(t *testing.T) {
	for _, seed := range []string{"1", "2"} {
		n := host.Scale(300000, 10000000)
		spec := fmt.Sprintf("uprobe/%s:site_nop1+%#x", program(t), offset(t, "nop1"))
		tr := &host.Trace{Text: fmt.Sprintf("objects:\n- {path: %s, attach: {see: %q}}\n- {gadget: funccount, args: [%q]}\n", object(t, "see"), spec, spec)}
		c := host.Cmd{Args: []string{program(t), "-", "at_nop1", fmt.Sprint(n), seed}, Dir: host.WorkDir(t)}
		host.Compare(t, c, tr)
		tr.WantHits(t, spec, uint64(n))
	}
}
