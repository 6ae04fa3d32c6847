package verifier_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// maps of the cases: an array of one entry (a data section), the same read
// only, a hash, an array of two.
var maps = []verifier.Map{
	{Type: 2, KeySize: 4, ValueSize: 16, MaxEntries: 1},
	{Type: 2, KeySize: 4, ValueSize: 16, MaxEntries: 1, Flags: 1 << 7},
	{Type: 1, KeySize: 4, ValueSize: 16, MaxEntries: 8},
	{Type: 2, KeySize: 4, ValueSize: 16, MaxEntries: 2},
}

func verify(t *testing.T, text string) error {
	t.Helper()
	p, err := vm.Validate(vm.MustAssemble(text), vm.Options{Maps: len(maps)})
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.Verify(p, verifier.Options{Maps: maps, Context: 168})
	if err == nil && v.Program().Len() != p.Len() {
		t.Error("another program was verified")
	}
	return err
}

func TestAccepted(t *testing.T) {
	for _, text := range []string{
		"r0 = 0; exit",
		"*(u64 *)(r10 - 512) = 1; r0 = *(u64 *)(r10 - 512); exit",
		"r0 = *(u64 *)(r1 + 160); exit",
		"r2 = r1; r2 += 100; r0 = *(u64 *)(r2 + 60); exit",
		"r2 = r10; r2 += -512; *(u8 *)(r2 + 511) = 1; r0 = 0; exit",
		"r2 = r10; r2 -= 8; r3 = r2; r1 = 5; lock *(u64 *)(r3 + 0) += r1; r0 = 0; exit",
		"r1 = map[0][0]+8; r0 = *(u64 *)(r1 + 0); *(u64 *)(r1 - 8) = r0; exit",
		"r1 = map[1][0]+0; r0 = *(u64 *)(r1 + 8); exit",
		"r1 = map[2]; r2 = r10; r2 += -4; *(u32 *)(r10 - 4) = 0; call 1; r0 = 0; exit",
		// Where two ways disagree nothing is known, and nothing is said.
		"r2 = r10; if r1 == 0 goto skip; r2 = r1\nskip: r0 = *(u64 *)(r2 + 100); exit",
		"r2 = r10; r2 += r1; r0 = *(u64 *)(r2 + 100); exit",
		"r2 = r10; *(u64 *)(r10 - 8) = r2; r3 = r10; r4 = *(u64 *)(r1 + 0); r3 += r4; *(u8 *)(r3 + 0) = 0; r2 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r2 + 0); exit",
		"r2 = r10; *(u64 *)(r10 - 8) = r2; *(u8 *)(r10 - 1) = 0; r2 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r2 + 0); exit",
		"r2 = r10; *(u64 *)(r10 - 8) = r2; r1 = r2; r1 += -8; r2 = 8; r3 = 0; call 4; r2 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r2 + 0); exit",
		"r2 = r10; *(u64 *)(r10 - 8) = r2; r1 = r2; call f; r2 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r2 + 0); exit\nf: *(u64 *)(r1 - 8) = 0; r0 = 0; exit",
		// Two callers disagree about an argument.
		"r6 = r1; call f; r1 = r6; r1 += 8; call f; exit\nf: r0 = *(u64 *)(r1 + 4000); exit",
		"r2 = subprog[f]; r1 = 3; r3 = 0; r4 = 0; call 181; r0 = 0; exit\nf: r0 = *(u64 *)(r10 - 8); exit",
		"r2 = r10; w2 = w2; r0 = *(u64 *)(r2 + 0); exit",
	} {
		if err := verify(t, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"r0 /= 0; exit", "insn 0: r0 /= 0: division by zero"},
		{"call 999; exit", "insn 0: call 999: helper 999 is not known here"},
		{"r0 = 0; goto end; r0 = 1\nend: exit", "insn 2: r0 = 1: unreachable instruction"},
		{"r0 = *(u64 *)(r10 + 0); exit", "insn 0: r0 = *(u64 *)(r10 + 0): 8 bytes at r10+0 are outside of the stack of 512 bytes"},
		{"*(u8 *)(r10 - 513) = 1; r0 = 0; exit", "insn 0: *(u8 *)(r10 - 513) = 1: 1 bytes at r10-513 are outside of the stack of 512 bytes"},
		{"*(u64 *)(r10 - 7) = r1; r0 = 0; exit", "insn 0: *(u64 *)(r10 - 7) = r1: 8 bytes at r10-7 are outside of the stack of 512 bytes"},
		{"r2 = r10; r2 += -600; r0 = *(u32 *)(r2 + 0); exit", "insn 2: r0 = *(u32 *)(r2 + 0): 4 bytes at r10-600 are outside of the stack of 512 bytes"},
		{"r2 = r10; r1 = 1; lock *(u64 *)(r2 - 4) += r1; r0 = 0; exit", "insn 2: lock *(u64 *)(r2 - 4) += r1: 8 bytes at r10-4 are outside of the stack of 512 bytes"},
		{"call f; exit\nf: r0 = *(u8 *)(r10 + 1); exit", "insn 2: r0 = *(u8 *)(r10 + 1): 1 bytes at r10+1 are outside of the stack of 512 bytes"},
		{"r0 = *(u64 *)(r1 + 161); exit", "insn 0: r0 = *(u64 *)(r1 + 161): 8 bytes at byte 161 of the context, which has 168"},
		{"r0 = *(u8 *)(r1 - 1); exit", "insn 0: r0 = *(u8 *)(r1 - 1): 1 bytes at byte -1 of the context, which has 168"},
		{"*(u64 *)(r1 + 80) = 1; r0 = 0; exit", "insn 0: *(u64 *)(r1 + 80) = 1: writes to the context"},
		{"r0 = 1; lock *(u64 *)(r1 + 80) += r0; exit", "insn 1: lock *(u64 *)(r1 + 80) += r0: writes to the context"},
		{"r1 = map[2][0]+0; r0 = 0; exit", "insn 0: r1 = map[2][0]+0: map 2 is no array of one entry, whose value has an address"},
		{"r1 = map[3][0]+0; r0 = 0; exit", "insn 0: r1 = map[3][0]+0: map 3 is no array of one entry, whose value has an address"},
		{"r1 = map[0][0]+16; r0 = 0; exit", "insn 0: r1 = map[0][0]+16: byte 16 of the value of map 0, which has 16"},
		{"r1 = map[0][0]+12; r0 = *(u64 *)(r1 + 0); exit", "insn 2: r0 = *(u64 *)(r1 + 0): 8 bytes at byte 12 of the value of map 0, which has 16"},
		{"r1 = map[1][0]+0; *(u8 *)(r1 + 0) = 1; r0 = 0; exit", "insn 2: *(u8 *)(r1 + 0) = 1: writes to map 1, which programs may only read"},
		{"r1 = 1; r2 = 5; r3 = 0; r4 = 0; call 181; exit", "insn 4: call 181: r2 is not the address of a function"},
		{"r1 = 1; r2 = subprog[f]; r2 += 1; call 181; exit\nf: r0 = 0; exit", "insn 4: call 181: r2 is not the address of a function"},
		{"r1 = 1; r2 = r10; call 164; exit", "insn 2: call 164: r2 is not the address of a function"},
		// What went through the frame, or to a function.
		{"r2 = r10; *(u64 *)(r10 - 8) = r2; r2 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r2 + 0); exit", "insn 3: r0 = *(u64 *)(r2 + 0): 8 bytes at r10+0 are outside of the stack of 512 bytes"},
		{"call f; exit\nf: r0 = *(u64 *)(r1 + 4000); exit", "insn 2: r0 = *(u64 *)(r1 + 4000): 8 bytes at byte 4000 of the context, which has 168"},
		// Both ways agree, so it is known.
		{"r2 = r10; if r1 == 0 goto skip; r1 = 0\nskip: r0 = *(u64 *)(r2 + 8); exit", "insn 3: r0 = *(u64 *)(r2 + 8): 8 bytes at r10+8 are outside of the stack of 512 bytes"},
	} {
		err := verify(t, c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
		var where *vm.Error
		if !errors.As(err, &where) {
			t.Errorf("%s: %T names no instruction", c.text, err)
		}
	}
}

// TestHiddenContext: what is in place of a tracepoint's common fields is not to be read.
func TestHiddenContext(t *testing.T) {
	for text, want := range map[string]string{
		"r0 = *(u64 *)(r1 + 8); exit":                   "",
		"r0 = *(u64 *)(r1 + 16); exit":                  "",
		"r0 = *(u64 *)(r1 + 0); exit":                   "insn 0: r0 = *(u64 *)(r1 + 0): 8 bytes at byte 0 of the context, whose first 8 no program may read",
		"r0 = *(u16 *)(r1 + 7); exit":                   "insn 0: r0 = *(u16 *)(r1 + 7): 2 bytes at byte 7 of the context, whose first 8 no program may read",
		"r2 = r1; r2 += 4; r0 = *(u32 *)(r2 + 0); exit": "insn 2: r0 = *(u32 *)(r2 + 0): 4 bytes at byte 4 of the context, whose first 8 no program may read",
		"r0 = *(u64 *)(r1 + 24); exit":                  "insn 0: r0 = *(u64 *)(r1 + 24): 8 bytes at byte 24 of the context, which has 24",
		"*(u64 *)(r1 + 16) = 1; r0 = 0; exit":           "insn 0: *(u64 *)(r1 + 16) = 1: writes to the context",
	} {
		p, err := vm.Validate(vm.MustAssemble(text), vm.Options{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		_, err = verifier.Verify(p, verifier.Options{Context: 24, HiddenContext: 8})
		if got := fmt.Sprint(err); got != want && (want != "" || err != nil) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestHelperOption(t *testing.T) {
	p, err := vm.Validate(vm.MustAssemble("call 5; exit"), vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(p, verifier.Options{}); err != nil {
		t.Error(err)
	}
	if _, err := verifier.Verify(p, verifier.Options{Helper: func(id int32) bool { return id != 5 }}); err == nil {
		t.Error("a helper that is not there may be called")
	}
}
