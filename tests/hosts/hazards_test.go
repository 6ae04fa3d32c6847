package hosts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// hazard is a function that is hard to patch. It is traced alone, at its entry, at its return, and at both. Whether it
// is patched or refused, it must do what it did; a patched one counts every call; a refusal has a reason.
type hazard struct {
	name  string
	must  string // "": may be refused; "entry": its entry may not; "both": nor its return
	calls uint64 // calls per round; 0 means 1
	loops bool   // whether a round is one call or several depends on the tactic
	never bool   // it never returns: its return probe has no hits
}

var hazards = []hazard{
	{name: "endbr", must: "both"}, {name: "nop_first", must: "both"}, {name: "red_zone", must: "both"},
	{name: "unsized", must: "both"}, {name: "no_unwind_data", must: "both"}, {name: "by_string", must: "both"},
	{name: "rip_load", must: "both"}, {name: "rip_lea", must: "both"}, {name: "rip_immediate", must: "both"},
	{name: "rip_jump", must: "entry"}, {name: "rip_call", must: "both"},
	{name: "call_first", must: "both"}, {name: "get_pc", must: "both"}, {name: "jump_first", must: "both"},
	{name: "jump_short", must: "both"}, {name: "condition_first", must: "both"}, {name: "jrcxz_first", must: "both"},
	{name: "branch_into", must: "both"}, {name: "loop_to_entry", must: "both", loops: true}, {name: "entered_behind", must: "both"}, {name: "inner_symbol", must: "both"},
	{name: "only_ret", must: "both"}, {name: "only_ret_packed"}, {name: "two_bytes", must: "both"}, {name: "three_bytes", must: "both"}, {name: "four_bytes", must: "both"},
	{name: "after_short", must: "both"},
	{name: "tail_call", must: "both"}, {name: "tail_with_stack", must: "both"}, {name: "takes_stack", must: "both"},
	{name: "callee_pops", must: "both"}, {name: "reads_return", must: "both"}, {name: "realigns", must: "both"},
	{name: "two_returns", must: "both"}, {name: "pushes", must: "both"},
	{name: "page_end", must: "both"}, {name: "page_across", must: "both"},
	{name: "variadic", must: "both"}, {name: "many_arguments", must: "both"}, {name: "takes_big", must: "both"},
	{name: "returns_big", must: "both"}, {name: "returns_pair", must: "both"}, {name: "returns_mixed", must: "both"},
	{name: "returns_x87", must: "both"}, {name: "returns_x87_pair", must: "both"},
	{name: "returns_vectors", must: "both"}, {name: "returns_int128", must: "both"},
	{name: "dense_switch", must: "entry", calls: 2}, {name: "recursive", must: "both", calls: 177},
	{name: "big_frame", must: "both"}, {name: "chosen", must: "both"},
	{name: "alias", must: "both", calls: 2}, {name: "never_returns", must: "both", never: true},
	{name: "sees_registers", must: "both"}, {name: "sets_registers", must: "both"},
}

func TestHazards(t *testing.T) {
	victim := host.Victim(t, "hazards.c", "hazards.S")
	for _, h := range hazards {
		t.Run(h.name, func(t *testing.T) {
			entry, ret := "uprobe/"+victim+":"+h.name, "uretprobe/"+victim+":"+h.name
			t.Run("entry", func(t *testing.T) { h.run(t, victim, entry) })
			t.Run("return", func(t *testing.T) { h.run(t, victim, ret) })
			t.Run("both", func(t *testing.T) { h.run(t, victim, entry, ret) })
			t.Run("twice", func(t *testing.T) { h.run(t, victim, entry, ret, "uprobe/hazards:"+h.name) })
		})
	}
}

func (h hazard) run(t *testing.T, victim string, specs ...string) {
	const rounds = 100
	tr := host.Of(specs...)
	host.Compare(t, host.Cmd{Args: []string{victim, h.name, fmt.Sprint(rounds)}, Dir: host.WorkDir(t)}, tr)
	if host.Baseline() {
		return
	}
	links := tr.Links(t)
	for _, spec := range specs {
		l, ok := links[spec]
		if !ok {
			t.Errorf("%s: no link; log %q", spec, tr.Log(t))
			continue
		}
		h.judge(t, spec, l, rounds)
	}
}

func (h hazard) judge(t *testing.T, spec string, l host.Link, rounds uint64) {
	t.Helper()
	isReturn := strings.HasPrefix(spec, "uretprobe")
	if l.Error != "" {
		t.Logf("%s: refused: %s", spec, l.Error)
		if h.must == "both" || h.must == "entry" && !isReturn {
			t.Errorf("%s must be patched", spec)
		}
		return
	}
	want := rounds * max(h.calls, 1)
	if h.never && isReturn {
		want = 0
	}
	t.Logf("%s: %d hits, tactic %s", spec, l.Hits, l.Tactic)
	if l.Hits != want && !(h.loops && l.Hits > want) || l.Misses != 0 || l.Tactic == "" {
		t.Errorf("%s: %d hits, %d misses, tactic %q; want %d, 0 and a name", spec, l.Hits, l.Misses, l.Tactic, want)
	}
}
