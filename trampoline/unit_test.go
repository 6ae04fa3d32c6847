package trampoline_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// checkUnit holds a unit to what is true of every unit: patches replace what
// stands in the file, none touches another, each leads to its stub, and the plan
// is one that an applier accepts.
func checkUnit(t *testing.T, file *elfsym.File, u *plan.Unit) {
	t.Helper()
	checkPatches(t, file, u)
	checkStubs(t, u)
	checkPlan(t, u)
}

func checkPatches(t *testing.T, file *elfsym.File, u *plan.Unit) {
	t.Helper()
	sorted := slices.Clone(u.Patches)
	slices.SortFunc(sorted, func(a, b plan.Patch) int { return int(int64(a.Vaddr) - int64(b.Vaddr)) })
	for i, p := range sorted {
		orig, err := file.Bytes(p.Vaddr, len(p.Orig))
		if err != nil || !bytes.Equal(orig, p.Orig) {
			t.Errorf("patch at %#x: it replaces %x, in the file stands %x: %v", p.Vaddr, p.Orig, orig, err)
		}
		if len(p.Text) != len(p.Orig) || p.Tactic == 0 || !isJump(p) && !leadsToHole(u, p) {
			t.Errorf("patch at %#x: %x over %x, field at %d, tactic %d", p.Vaddr, p.Text, p.Orig, p.RelAt, p.Tactic)
		}
		if i > 0 && sorted[i-1].Vaddr+uint64(len(sorted[i-1].Text)) > p.Vaddr {
			t.Errorf("the patches at %#x and %#x overlap", sorted[i-1].Vaddr, p.Vaddr)
		}
		checkOwner(t, file, p)
	}
}

func isJump(p plan.Patch) bool { return len(p.Text) >= 5 && p.Text[0] == 0xe9 && p.RelAt == 1 }

// leadsToHole: a short jump goes to a jump of its own that is written before it.
func leadsToHole(u *plan.Unit, p plan.Patch) bool {
	to := p.Vaddr + 2 + uint64(int64(int8(p.Text[1])))
	at := func(vaddr uint64) int {
		return slices.IndexFunc(u.Patches, func(q plan.Patch) bool { return q.Vaddr == vaddr })
	}
	hole := at(to)
	return p.Text[0] == 0xeb && p.RelAt == abi.PATCH_NO_REL && hole >= 0 && hole < at(p.Vaddr) &&
		isJump(u.Patches[hole]) && u.Patches[hole].Stub == p.Stub && u.Patches[hole].Tactic == p.Tactic
}

// checkOwner: a patch lies in one function, and what is behind that is nobody's; or
// it is a hole, which is padding and nobody's.
func checkOwner(t *testing.T, file *elfsym.File, p plan.Patch) {
	t.Helper()
	fn, ok := file.FuncAt(p.Vaddr)
	if !ok && len(file.Functions()) < 10 { // a hazard, perhaps without a size
		if f, err := file.Lookup("f"); err == nil {
			unsized, known := file.Unsized(f[0].Value)
			ok = known && p.Vaddr-unsized.Lo < unsized.Hi-unsized.Lo
		}
	}
	if !ok && (p.Tactic != abi.TACTIC_SHORT || !inPadding(t, file, p.Vaddr)) {
		t.Errorf("patch at %#x: %x is in no function", p.Vaddr, p.Orig)
	}
	for _, other := range file.FuncsIn(p.Vaddr, p.Vaddr+uint64(len(p.Text))) {
		if other != fn {
			t.Errorf("patch at %#x: it reaches from %#x into %#x", p.Vaddr, fn, other)
		}
	}
}

// inPadding: all that lies between the functions around addr is nops of assemblers
// or int3.
func inPadding(t *testing.T, file *elfsym.File, addr uint64) bool {
	t.Helper()
	lo, hi := uint64(0), ^uint64(0)
	for _, fn := range file.FuncsIn(addr-128, addr+128) {
		if fn.Hi <= addr {
			lo = fn.Hi
		} else {
			hi = min(hi, fn.Lo)
		}
	}
	if lo == 0 || hi == ^uint64(0) {
		return false
	}
	b, err := file.Bytes(lo, int(hi-lo))
	return err == nil && nops.MatchString(fmt.Sprintf("%x", b))
}

var nops = regexp.MustCompile(`^(cc|(66)*90|(66)*(2e)?0f1f(00|4000|440000|80(00){4}|84(00){5}))*$`)

// checkStubs decodes every stub to its end.
func checkStubs(t *testing.T, u *plan.Unit) {
	t.Helper()
	for _, p := range u.Patches {
		for at := int(p.Stub); ; {
			if at >= len(u.Code) {
				t.Errorf("stub of %#x: it runs off the unit's code", p.Vaddr)
				break
			}
			in, err := x86.Decode(u.Code[at:])
			if err != nil {
				t.Errorf("stub of %#x: at %#x stands % x: %v", p.Vaddr, at, u.Code[at:min(at+8, len(u.Code))], err)
				break
			}
			at += in.Len
			if f := in.Flow(); f == x86.FlowJump || f == x86.FlowJumpIndirect || f == x86.FlowRet {
				break
			}
		}
	}
}

// checkPlan encodes the unit and decodes it again.
func checkPlan(t *testing.T, u *plan.Unit) {
	t.Helper()
	if len(u.Patches) == 0 {
		return
	}
	p := &plan.Plan{Units: []*plan.Unit{u}}
	for i := range 16 {
		p.Links = append(p.Links, plan.Link{Name: fmt.Sprint(i), Kind: abi.LINK_ENTRY})
	}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Decode(b); err != nil {
		t.Error(err)
	}
}
