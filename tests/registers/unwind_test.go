package registers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestUnwindSteps walks the stack from every instruction of the agent's on the way of a hit, by each thunk: for programs
// that are given nothing, that look, that write, and that leave by iretq.
func TestUnwindSteps(t *testing.T) {
	victim := host.Victim(t, "unwind.cpp", "-pthread", "-rdynamic", "-ldl")
	change := object(t, "change")
	for _, program := range []string{"gadget: funccount, args: [%q]", "path: " + change + ", attach: {look: %q}",
		"path: " + change + ", attach: {rewrite: %q}", "path: " + change + ", attach: {leave: %q}"} {
		for _, function := range []string{"return_a", "return_b", "return_c", "return_d"} {
			for _, kind := range []string{"uprobe", "uretprobe", "uprobe.session", "offset"} {
				if kind == "uprobe.session" && function > "return_b" {
					continue
				}
				t.Run(program+" "+kind+" "+function, func(t *testing.T) {
					spec := kind + "/" + victim + ":" + function
					if kind == "offset" {
						spec = fmt.Sprintf("uprobe/%s:%s+%d", victim, function, host.Instructions(t, victim, function)[1])
					}
					tr := &host.Trace{Text: fmt.Sprintf("objects:\n- {"+program+"}\n", spec)}
					c := host.Cmd{Args: []string{victim, "stepped", "3", function}, Dir: host.WorkDir(t)}
					_, traced := host.Compare(t, c, tr)
					if !strings.Contains(traced.Stdout, "lost 0\n") {
						t.Errorf("printed %q", traced.Stdout)
					}
					for name, l := range tr.Links(t) {
						if l.Error != "" || l.Hits < 3 {
							t.Errorf("%s: %d hits, %q", name, l.Hits, l.Error)
						}
					}
				})
			}
		}
	}
}
