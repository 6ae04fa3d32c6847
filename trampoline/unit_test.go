package trampoline_test

import (
	"bytes"
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
		if len(p.Text) != len(p.Orig) || len(p.Text) < 5 || p.Text[0] != 0xe9 || p.RelAt != 1 || p.Tactic == 0 {
			t.Errorf("patch at %#x: %x over %x, field at %d, tactic %d", p.Vaddr, p.Text, p.Orig, p.RelAt, p.Tactic)
		}
		if i > 0 && sorted[i-1].Vaddr+uint64(len(sorted[i-1].Text)) > p.Vaddr {
			t.Errorf("the patches at %#x and %#x overlap", sorted[i-1].Vaddr, p.Vaddr)
		}
		checkOwner(t, file, p)
	}
}

// checkOwner: a patch lies in one function; what is behind that is nobody's.
func checkOwner(t *testing.T, file *elfsym.File, p plan.Patch) {
	t.Helper()
	fn, ok := file.FuncAt(p.Vaddr)
	if !ok {
		t.Errorf("patch at %#x: it is in no function", p.Vaddr)
	}
	for _, other := range file.FuncsIn(p.Vaddr, p.Vaddr+uint64(len(p.Text))) {
		if other != fn {
			t.Errorf("patch at %#x: it reaches from %#x into %#x", p.Vaddr, fn, other)
		}
	}
}

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
	p := &plan.Plan{Units: []*plan.Unit{u}, Links: []plan.Link{{Name: "entry", Kind: abi.LINK_ENTRY}, {Name: "return", Kind: abi.LINK_RETURN}}}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Decode(b); err != nil {
		t.Error(err)
	}
}
