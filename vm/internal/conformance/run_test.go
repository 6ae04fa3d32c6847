package conformance

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
)

// The runner sees what engines do wrong.
func TestCheck(t *testing.T) {
	const text = `
a comment
=== result
mem 1 -2
after 3 -2
r0 0x7
prog
	r0 = 7
	exit
=== refused
refused division by what
prog
	.insn 0xff, 0, 0, 0, 0
	exit
=== refused rightly
refused unknown opcode
prog
	.insn 0xff, 0, 0, 0, 0
=== fault
fails
prog
	exit
prog -
prog
	r0 = 1
	exit
`
	cases, err := Parse("topic", text)
	if err != nil || len(cases) != 4 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range []struct {
		test Case
		r0   uint64
		mem0 byte
		err  error
		want string
	}{
		{cases[0], 7, 3, nil, ""},
		{cases[0], 8, 3, nil, "r0 = 0x8, want 0x7"},
		{cases[0], 7 + 1<<32, 3, nil, "r0 = 0x100000007, want 0x7"},
		{cases[0], 7, 1, nil, "memory afterwards"},
		{cases[0], 7, 3, errors.New("broke"), "broke"},
		{cases[1], 7, 3, nil, "division by what"},
		{cases[2], 7, 3, nil, ""},
		{cases[3], 7, 3, nil, "r0 = 0x7, want an error"},
		{cases[3], 7, 3, errors.New("broke"), ""},
	} {
		got := c.test.Check(EngineFunc(func(progs []*proof.Verified, mem []byte) (uint64, error) {
			if len(mem) > 0 {
				mem[0] = c.mem0
			}
			return c.r0, c.err
		}))
		if (got == nil) != (c.want == "") || got != nil && !strings.Contains(got.Error(), c.want) {
			t.Errorf("%s: r0 %d, memory %d, error %v: %v, want %q", c.test.Name, c.r0, c.mem0, c.err, got, c.want)
		}
	}
	if progs := cases[3].Progs; len(progs) != 3 || progs[1] != nil || progs[2] == nil {
		t.Errorf("programs %x", progs)
	}
	if name := cases[0].Name; name != "topic/result" {
		t.Errorf("name %q", name)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"=== a\nmemory 1\nprog\nexit":  `a: unknown line "memory 1"`,
		"=== a\nr0 nine\nprog\nexit":   "a: strconv.ParseUint",
		"=== a\nmem 1 0xg\nprog\nexit": "a: strconv.ParseUint",
		"=== a\nprog\nexit now":        "a: line 2: exit now",
	} {
		if _, err := Parse("topic", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Each of the fifteen points that engines get wrong has cases of its own, whose
// operands come from memory: an engine cannot fold those away. What is refused
// needs no operands.
func TestFifteenPoints(t *testing.T) {
	refused, fromMemory := map[string]int{}, map[string]int{}
	for _, c := range Cases(t) {
		point := c.Name[:2]
		if c.Refused != "" {
			refused[point]++
		} else if len(c.Mem) > 0 {
			fromMemory[point]++
		}
	}
	for n := 1; n <= 15; n++ {
		point := fmt.Sprintf("%02d", n)
		count, want := fromMemory[point], 4
		if point == "14" { // unused fields
			count, want = refused[point], 35
		}
		if count < want {
			t.Errorf("point %s has %d cases, want %d", point, count, want)
		}
	}
}

// The public suites have as many cases as their description says.
func TestSuiteSizes(t *testing.T) {
	for name, c := range map[string]struct{ got, want int }{
		"conformance": {len(Suite(t)), 332},
		"negative":    {len(Negative(t)), 35},
		"test_bpf":    {len(TestBPF(t)), 567},
		"verifier":    {len(Verifier(t)), 93},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d cases, want %d", name, c.got, c.want)
		}
	}
}
