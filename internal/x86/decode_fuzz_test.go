package x86

import "testing"

// FuzzDecode: whatever the bytes are, Decode gives an instruction that lies
// inside them and does not depend on what follows it, or an error.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "90", "f30f1efa", "62f17c48284424ff", "c4e2f1b80511111111", "8fea7810c111223344",
		"48b88877665544332211", "c7f811223344", "66e811111111", "d50090", "0f0f05111111119e",
		"2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e90", "66660f78c00405", "f04881840811111111",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		inst, err := Decode(b)
		if err != nil {
			if inst != (Inst{}) {
				t.Fatalf("%x: %v, and yet %+v", b, err, inst)
			}
			return
		}
		checkInside(t, b, inst)
		alone, err := Decode(b[:inst.Len])
		if err != nil || alone != inst {
			t.Fatalf("%x: alone %+v, %v; before others %+v", b, alone, err, inst)
		}
		for n := range inst.Len {
			if _, err := Decode(b[:n]); err != ErrTruncated {
				t.Fatalf("%x cut after %d bytes: %v", b, n, err)
			}
		}
	})
}

// checkInside: the fields follow each other and the last ends the instruction.
func checkInside(t *testing.T, b []byte, inst Inst) {
	t.Helper()
	if inst.Len < 1 || inst.Len > maxLen || inst.Len > len(b) {
		t.Fatalf("%x: length %d", b, inst.Len)
	}
	end := 0
	for _, f := range []Field{inst.ModRM, inst.Disp, inst.Rel, inst.Imm} {
		if f.Len == 0 {
			continue
		}
		if int(f.Off) < end {
			t.Fatalf("%x: fields overlap: %+v", b, inst)
		}
		end = int(f.Off + f.Len)
	}
	if end > inst.Len || inst.Disp.Len+inst.Rel.Len+inst.Imm.Len > 0 && end != inst.Len {
		t.Fatalf("%x: fields do not end with the instruction: %+v", b, inst)
	}
	_, direct := inst.Target(b, 0)
	flow := inst.Flow()
	if isDirect := flow == FlowCall || flow == FlowJump || flow == FlowCond || flow == FlowLoop; direct != isDirect {
		t.Fatalf("%x: target %v but flow %v", b, direct, flow)
	}
	if inst.HasMem == (inst.Mem.Base == NoReg && inst.Mem.Index == NoReg && inst.Disp.Len == 0 && !inst.VSIB) {
		t.Fatalf("%x: operand %+v", b, inst)
	}
}
