package conformance

import (
	"bytes"
	"fmt"
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
	// KernelErrs says what Linux 6.18 does wrong here; newer ones may not.
	KernelErrs string
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
	if err := c.Check(e); err != nil {
		t.Errorf("%v\n%s", err, c.disassemble())
	}
}

// Check returns what is wrong with what the engine makes of the case.
func (c Case) Check(e Engine) error {
	progs, err := c.load()
	if err != nil {
		return c.judgeRefusal(err)
	}
	mem := slices.Clone(c.Mem)
	got, err := e.Run(progs, mem)
	switch {
	case c.Refused != "" || c.Fails:
		if err == nil {
			return fmt.Errorf("r0 = %#x, want an error", got)
		}
	case err != nil:
		return err
	case (got^c.Want)&c.Mask != 0:
		return fmt.Errorf("r0 = %#x, want %#x", got, c.Want)
	case c.After != nil && !bytes.Equal(mem, c.After):
		return fmt.Errorf("memory afterwards\n%x, want\n%x", mem, c.After)
	}
	return nil
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

func (c Case) judgeRefusal(err error) error {
	if c.Refused == "" {
		return fmt.Errorf("refused: %w", err)
	}
	if c.Refused != "*" && !strings.Contains(err.Error(), c.Refused) {
		return fmt.Errorf("refused with %q, want %q in it", err, c.Refused)
	}
	return nil
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
