package x86

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		hex  string
		need int
		want int
		err  error
	}{
		{"55 4889e5 4883ec20 90", 5, 8, nil},
		{"55 4889e5 4883ec20 90", 8, 8, nil},
		{"55 4889e5 4883ec20 90", 0, 0, nil},
		{"55 4889e5 4883ec20 90", -1, 0, nil},
		{"f30f1efa 55", 5, 5, nil},
		{"4881ecf8000000", 5, 7, nil},
		{"55 4889e5", 5, 0, ErrTruncated},
		{"", 1, 0, ErrTruncated},
		{"55 4889e5 4883", 5, 0, ErrTruncated},
		{"55 06 909090", 5, 0, ErrInvalid},
		{"55 d50090 9090", 5, 0, ErrUnsupported},
		{"e8 00000000 06", 5, 5, nil}, // what follows is not looked at
	} {
		n, err := Window(unhex(t, c.hex), c.need)
		if n != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s, %d: %d, %v, want %d, %v", c.hex, c.need, n, err, c.want, c.err)
		}
	}
}

func TestWindowSaysWhereAndWhat(t *testing.T) {
	_, err := Window(unhex(t, "55 06 909090"), 5)
	for _, want := range []string{"5 bytes", "offset 1", "06909090"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestRelocateRefuses(t *testing.T) {
	for _, c := range []struct{ name, hex, want string }{
		{"undecodable", "55 06 909090", "offset 1: bytes 06909090"},
		{"cut off", "55 4889", "ends inside"},
		{"call in the middle", "ffd0 4883c408", "cannot move ffd0 at offset 0 (0x401000): a call can be moved only as the last"},
		{"direct call in the middle", "e800000000 90", "as the last"},
		{"far call", "ff1d00000000", "a far call"},
		{"far call, 64-bit", "48ff18 9090", "as the last"},
		{"call *%rsp", "9090 90 ffd4", "the address in rsp"},
		{"call *-8(%rsp)", "90 ff5424f8", "cannot move ff5424f8 at offset 1 (0x401001): it reads below rsp"},
		{"call *-0x80(%rsp,%rax,8)", "90 ff54c480", "below rsp"},
		{"call *0x7ffffff8(%rsp)", "ff9424f8ffff7f", "cannot grow"},
		{"call *(%esp)", "67 ff1424 90", "as the last"},
		{"call *(%esp) at the end", "9090 67ff1424", "with 32 bits"},
		{"call *data(%eip)", "67ff1500001000", "32-bit address relative"},
		{"load relative to eip", "678b0500001000", "32-bit address relative"},
		{"lea relative to eip", "67488d0500001000", "32-bit address relative"},
		{"load of the patched bytes", "488b05f9ffffff", "bytes that the patch overwrites"},
		{"load of the patched bytes, not the first", "488b05fcffffff", "bytes that the patch overwrites"},
		{"store into the patched bytes, VEX", "c5fc1105f9ffffff", "bytes that the patch overwrites"},
		{"lea of what follows the window", "488d0500000000", ""},
		{"lea of an inner instruction", "90 488d05fbffffff", "bytes that the patch overwrites"},
		{"jmp through the patched bytes", "ff25faffffff", "bytes that the patch overwrites"},
		{"call through the patched bytes", "ff15faffffff", "bytes that the patch overwrites"},
		{"branch over a lock prefix", "7401 f00fb10f", "it branches to offset 3, inside an instruction"},
		{"branch into itself", "ebff 909090", "it branches to offset 1, inside an instruction"},
		{"call of an inner instruction", "4889c0 e8fbffffff", ""},
		{"call into the middle of an instruction", "4889c0 e8f9ffffff", "branches to offset 1"},
	} {
		m, err := Relocate(unhex(t, c.hex), goldenWindow)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || m.Code != nil {
			t.Errorf("%s (%s): %v, want %q", c.name, c.hex, err, c.want)
		}
	}
}

func TestRelocateBounds(t *testing.T) {
	m, err := Relocate(nil, goldenWindow)
	if err != nil || len(m.Code) != 0 || !m.FallsThrough || header(m) != "# index 0:0\n# falls through" {
		t.Errorf("nothing moved: %+v, %v", m, err)
	}
	if _, err := Relocate(bytes.Repeat([]byte{0x90}, maxWindow), 0); err != nil {
		t.Error(err)
	}
	if _, err := Relocate(bytes.Repeat([]byte{0x90}, maxWindow+1), 0); err == nil {
		t.Error("a huge window was moved")
	}
}

// What control does not reach is not looked at: data behind a jump may decode
// to something that would be refused.
func TestRelocateSkipsDeadCode(t *testing.T) {
	m, err := Relocate(unhex(t, "eb03 ffd0 90 c3"), goldenWindow)
	if err != nil || header(m) != "# index 0:0 5:5 6:6\n# ends" {
		t.Errorf("%s, %v", header(m), err)
	}
}

// Windows at the ends of the address space wrap, as the processor does.
func TestRelocateWraps(t *testing.T) {
	m, err := Relocate(unhex(t, "488b05f0ffffff"), 0)
	if err != nil || len(m.Fixups) != 1 || m.Fixups[0] != (Fixup{At: 3, Kind: FixRel32, Target: 0xfffffffffffffff7}) {
		t.Errorf("%+v, %v", m.Fixups, err)
	}
	m, err = Relocate(unhex(t, "e90f000000"), 0xfffffffffffffff0)
	if err != nil || len(m.Fixups) != 1 || m.Fixups[0].Target != 4 {
		t.Errorf("%+v, %v", m.Fixups, err)
	}
}

func TestRelocateLeavesItsInputAlone(t *testing.T) {
	for _, hex := range []string{"488b0500010000", "90 ff542478", "ff1500010000", "e800000000"} {
		code := unhex(t, hex)
		if _, err := Relocate(code, goldenWindow); err != nil || !bytes.Equal(code, unhex(t, hex)) {
			t.Errorf("%s became %x, %v", hex, code, err)
		}
	}
}
