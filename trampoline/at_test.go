package trampoline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/trampoline"
)

// ends are programs on entry and return.
func ends(yes bool) (p trampoline.Probes) {
	if yes {
		p.Entry, p.Return = []trampoline.Program{{Link: 0}}, []trampoline.Program{{Link: 1}}
	}
	return p
}

// placeAll puts programs on f, and at instructions of it; what is refused is tried once more.
func (h hazard) placeAll(t *testing.T, file *elfsym.File, p trampoline.Probes, ats []at) (*trampoline.Arena, trampoline.Outcomes) {
	t.Helper()
	symbols, err := file.Lookup("f")
	if err != nil || len(symbols) != 1 {
		t.Fatalf("f: %v, %v", symbols, err)
	}
	f := symbols[0].Value
	for i, at := range ats {
		p.At = append(p.At, trampoline.Point{Addr: f + at.off, Programs: []trampoline.Program{{Link: uint32(2 + i)}}})
	}
	a := newArena(file, f)
	o := trampoline.PlaceAll(a, f, p)
	if o.Entry.Err != nil || slices.ContainsFunc(o.At, func(o trampoline.Outcome) bool { return o.Err != nil }) {
		a = newArena(file, f)
		a.Last()
		o = trampoline.PlaceAll(a, f, p)
	}
	return a, o
}

// TestPoints places a program at each instruction that a hazard names, alone and together with all others.
func TestPoints(t *testing.T) {
	named := 0
	for _, h := range hazards(t) {
		if len(h.at) == 0 {
			continue
		}
		named++
		t.Run(h.name, func(t *testing.T) {
			file := openFile(t, h.build(t))
			for _, p := range h.at {
				a, o := h.placeAll(t, file, trampoline.Probes{}, []at{p})
				check(t, fmt.Sprintf("at +%#x", p.off), o.At[0], p.want)
				checkUnit(t, file, a.Unit)
			}
			for _, yes := range []bool{false, true} {
				a, o := h.placeAll(t, file, ends(yes), h.at)
				checkUnit(t, file, a.Unit)
				for i, p := range h.at { // a shared patch may have room for what alone has none
					if o.At[i].Err != nil && !p.refused() {
						t.Errorf("at +%#x, with others: refused: %v", p.off, o.At[i].Err)
					}
				}
			}
		})
	}
	if named < 8 {
		t.Errorf("%d hazards name an instruction", named)
	}
}

// TestPointsExecution calls every hazard with a program at an instruction, and at all with entry and return, and
// compares every register.
func TestPointsExecution(t *testing.T) {
	agent, host := findAgent(t), buildHost(t)
	for _, h := range hazards(t) {
		if !h.run || len(h.at) == 0 {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			so := h.build(t)
			plain := h.call(t, host, so)
			var all []string
			var hits []uint64
			for _, p := range h.at {
				if p.refused() {
					continue
				}
				spec := fmt.Sprintf("uprobe/%s:f+%#x", so, p.off)
				all, hits = append(all, spec), append(hits, rounds*p.hits)
				for _, gadget := range []string{"funccount", "funcsum"} {
					h.probeAt(t, agent, host, so, gadget, plain, []string{spec}, []uint64{rounds * p.hits})
				}
			}
			if !strings.HasPrefix(h.entry, "refused") {
				all, hits = append(all, "uprobe/"+so+":f"), append(hits, rounds*h.hits)
			}
			if !strings.HasPrefix(h.ret, "refused") {
				all, hits = append(all, "uretprobe/"+so+":f"), append(hits, rounds)
			}
			h.probeAt(t, agent, host, so, "funcsum", plain, all, hits)
		})
	}
}
