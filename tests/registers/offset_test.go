package registers

import (
	"fmt"
	"strings"
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

// quiet are programs that change nothing, by way of each thunk: those that count, look, write what is there, and leave by
// iretq with DF set, where it was set.
var quiet = []string{"- {gadget: funccount, args: [SPEC]}\n", "- {path: SEE, attach: {see: SPEC}}\n", "- {path: CHANGE, attach: {rewrite: SPEC}}\n",
	"- {path: CHANGE, attach: {leave_df: SPEC}}\n"}

// TestStorm: signals come at any instruction of a stub.
func TestStorm(t *testing.T) {
	for _, seed := range []string{"1", "2"} {
		signals(t, "-", host.Scale(300000, 10000000), seed, quiet[0]+quiet[1])
		signals(t, "-", host.Scale(100000, 10000000), seed, quiet[2])
	}
}

// TestSteps: a signal comes behind each instruction, and its frame lies where nobody keeps anything.
func TestSteps(t *testing.T) {
	for _, seed := range []string{"1", "2"} {
		for _, objects := range append(quiet, quiet[0]+quiet[1], quiet[1]+quiet[3]) {
			signals(t, "+", host.Scale(100, 5000), seed, objects)
		}
	}
}

func signals(t *testing.T, kind string, n int, seed, objects string) {
	t.Helper()
	spec := fmt.Sprintf("uprobe/%s:site_nop1+%#x", program(t), offset(t, "nop1"))
	text := strings.NewReplacer("SPEC", spec, "SEE", object(t, "see"), "CHANGE", object(t, "change")).Replace(objects)
	tr := &host.Trace{Text: "objects:\n" + text}
	c := host.Cmd{Args: []string{program(t), kind, "at_nop1", fmt.Sprint(n), seed}, Dir: host.WorkDir(t)}
	if plain, _ := host.Compare(t, c, tr); plain.Exit != 0 {
		t.Errorf("%v: exit %d", c.Args, plain.Exit)
	}
	tr.WantHits(t, spec, uint64(n))
}
