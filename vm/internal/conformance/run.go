package conformance

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
)

// Case is one program and what comes of it.
type Case struct {
	Name  string
	Progs [][]byte // the first is run; nil is an empty element of the program array
	Mem   []byte
	Want  uint64 // r0
	Mask  uint64 // of Want, the bits that count
	After []byte // the memory afterwards; nil: not looked at

	// Refused is a part of the error that loading ends in. With any refusal
	// allowed it is "*".
	Refused string
	// Fails says that a checked engine reports an error as it runs.
	Fails bool
}

func runCases(t *testing.T, e Engine, checked bool, cases []Case) {
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range cases {
		if c.Fails && !checked {
			continue
		}
		t.Run(c.Name, func(t *testing.T) { c.run(t, e) })
	}
}

func (c Case) run(t *testing.T, e Engine) {
	progs, err := c.load()
	if err != nil {
		c.judgeRefusal(t, err)
		return
	}
	mem := slices.Clone(c.Mem)
	got, err := e.Run(progs, mem)
	switch {
	case c.Refused != "" || c.Fails:
		if err == nil {
			t.Errorf("r0 = %#x, want an error\n%s", got, c.disassemble())
		}
	case err != nil:
		t.Errorf("%v\n%s", err, c.disassemble())
	case (got^c.Want)&c.Mask != 0:
		t.Errorf("r0 = %#x, want %#x\n%s", got, c.Want, c.disassemble())
	case c.After != nil && !bytes.Equal(mem, c.After):
		t.Errorf("memory afterwards\n%x, want\n%x\n%s", mem, c.After, c.disassemble())
	}
}

func (c Case) load() ([]*proof.Verified, error) {
	var progs []*proof.Verified
	for _, code := range c.Progs {
		if code == nil {
			progs = append(progs, nil)
			continue
		}
		p, err := unverified.Load(code, vm.Options{Maps: 1})
		if err != nil {
			return nil, err
		}
		progs = append(progs, p)
	}
	return progs, nil
}

func (c Case) judgeRefusal(t *testing.T, err error) {
	if c.Refused == "" {
		t.Errorf("refused: %v\n%s", err, c.disassemble())
	}
	if c.Refused != "*" && !strings.Contains(err.Error(), c.Refused) {
		t.Errorf("refused with %q, want %q in it", err, c.Refused)
	}
}

func (c Case) disassemble() string {
	var b strings.Builder
	for _, code := range c.Progs {
		if insns, err := vm.Decode(code); err == nil {
			b.WriteString(vm.Disassemble(insns) + "\n")
		}
	}
	return b.String()
}
