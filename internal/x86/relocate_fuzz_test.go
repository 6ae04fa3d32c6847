package x86

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzRelocate: whatever the window holds, the copy of every instruction,
// resolved at another place, refers to what the original refers to.
func FuzzRelocate(f *testing.F) {
	for _, s := range []string{
		"554889e54883ec20", "488b0500100000", "c7050010000044332211", "85ff7405", "e2059090", "67e30390",
		"31c0ffcf75fc", "7402ffc0ffc1", "eb0106 31c0", "e800100000", "4883ec08ffd0", "90ff542478",
		"ff1500100000", "c7f800100000", "3eff542410", "f30f1efa55", "eb01c374fd90",
	} {
		f.Add(unhex(f, s), uint8(5))
	}
	f.Fuzz(func(t *testing.T, b []byte, need uint8) {
		n, err := Window(b, int(need))
		if err != nil {
			return
		}
		m, err := Relocate(b[:n], goldenWindow)
		if err != nil {
			return
		}
		if inReach(m) {
			checkCopy(t, b[:n], m)
		}
	})
}

// checkCopy checks m, the copy of the window b at goldenWindow.
func checkCopy(t *testing.T, b []byte, m Relocated) {
	t.Helper()
	checkShape(t, b, m)
	code := resolve(t, m, goldenCopy)
	for i := range m.Index[:len(m.Index)-1] {
		checkMoved(t, b, code, m.Index, i)
	}
}

// inReach tells whether the copy is near enough to all that it refers to.
func inReach(m Relocated) bool {
	for _, f := range m.Fixups {
		distance := int64(f.Target - (goldenCopy + uint64(f.At+4+f.Tail)))
		if f.Kind == FixRel32 && distance != int64(int32(distance)) {
			return false
		}
	}
	return true
}

// checkShape: the index is in order and starts and ends with the window, and
// no two fixups share a byte.
func checkShape(t *testing.T, b []byte, m Relocated) {
	t.Helper()
	first, last := m.Index[0], m.Index[len(m.Index)-1]
	if first != (Moved{0, 0}) || last.Old != len(b) || last.New > len(m.Code) {
		t.Fatalf("%x: index %v", b, m.Index)
	}
	if slot := len(m.Code) - last.New; slot != 0 && (slot != 8 || m.FallsThrough) {
		t.Fatalf("%x: %d bytes behind the end, falls through %v", b, slot, m.FallsThrough)
	}
	for i := 1; i < len(m.Index); i++ {
		if m.Index[i].Old <= m.Index[i-1].Old || m.Index[i].New <= m.Index[i-1].New {
			t.Fatalf("%x: index %v", b, m.Index)
		}
	}
	end := 0
	for _, f := range m.Fixups {
		if f.At < end {
			t.Fatalf("%x: fixups %+v", b, m.Fixups)
		}
		if end = f.At + 4; f.Kind == FixAbs64 {
			end += 4
		}
	}
	if end > len(m.Code) {
		t.Fatalf("%x: fixups %+v in %d bytes", b, m.Fixups, len(m.Code))
	}
}

// checkMoved follows instruction i of the index from the window to the copy.
func checkMoved(t *testing.T, b, code []byte, index []Moved, i int) {
	t.Helper()
	from, to, end := index[i].Old, index[i].New, index[i+1].New
	was, _ := Decode(b[from:])
	addr := goldenWindow + uint64(from)
	if was.Flow() == FlowCall || was.Flow() == FlowCallIndirect {
		to += checkReturnAddress(t, code[to:], len(code)-8-to, addr+uint64(was.Len))
	}
	target, direct := was.Target(b[from:], addr)
	if direct {
		got := branchTarget(t, code[to:end], goldenCopy+uint64(to))
		if want := newPlace(target, index, was.Flow() == FlowCall); got != want {
			t.Fatalf("%x: offset %d branches to %#x, its copy to %#x, want %#x", b, from, target, got, want)
		}
		return
	}
	is, err := Decode(code[to:end])
	if err != nil || to+is.Len != end {
		t.Fatalf("%x: offset %d became %x: %v", b, from, code[to:end], err)
	}
	oldOperand, old := was.RIPTarget(addr)
	newOperand, now := is.RIPTarget(goldenCopy + uint64(to))
	if oldOperand != newOperand || old != now {
		t.Fatalf("%x: the operand at %#x became one at %#x", b, oldOperand, newOperand)
	}
}

// checkReturnAddress wants call 1f; int3; 1: push slot(%rip); pop (%rsp), with
// the return address in the slot, and returns its length.
func checkReturnAddress(t *testing.T, code []byte, slot int, want uint64) int {
	t.Helper()
	push, err := Decode(code[6:])
	at, ok := push.RIPTarget(6)
	if err != nil || !ok || at != uint64(slot) {
		t.Fatalf("%x does not push the slot at %#x: %v", code, slot, err)
	}
	whole := append(unhex(t, "e801000000 cc ff35"), code[8:12]...)
	whole = append(whole, unhex(t, "8f0424")...)
	if !bytes.HasPrefix(code, whole) {
		t.Fatalf("%x does not begin with %x", code, whole)
	}
	if got := binary.LittleEndian.Uint64(code[slot:]); got != want {
		t.Fatalf("the return address is %#x, want %#x", got, want)
	}
	return len(whole)
}

// branchTarget is where the copy of a branch goes: by its last instruction.
func branchTarget(t *testing.T, code []byte, addr uint64) (target uint64) {
	t.Helper()
	for off := 0; off < len(code); {
		inst, err := Decode(code[off:])
		if err != nil {
			t.Fatalf("branch became %x: %v", code, err)
		}
		target, _ = inst.Target(code[off:], addr+uint64(off))
		off += inst.Len
	}
	return target
}

// newPlace is where a branch to target must go now.
func newPlace(target uint64, index []Moved, isCall bool) uint64 {
	for _, m := range index[:len(index)-1] {
		if target == goldenWindow+uint64(m.Old) && !(isCall && m.Old == 0) {
			return goldenCopy + uint64(m.New)
		}
	}
	return target
}
