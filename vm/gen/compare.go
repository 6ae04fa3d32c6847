package gen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/internal/unverified"
)

// Engine runs a program with r1 the address of mem and r2 its length.
type Engine struct {
	Name string
	Run  func(p *proof.Verified, mem []byte) (r0 uint64, err error)
}

// Result is what an engine made of a case.
type Result struct {
	Engine string
	R0     uint64
	Mem    []byte
	Err    error
}

func (r Result) equal(other Result) bool {
	if r.Err != nil || other.Err != nil {
		return false // a valid program does not fail
	}
	return r.R0 == other.R0 && bytes.Equal(r.Mem, other.Mem)
}

// Disagreement is the error of Compare when engines differ or fail.
type Disagreement struct {
	Case    *Case
	Results []Result
}

// Outliers are the engines that failed or are not with the largest group of
// those that agree.
func (d *Disagreement) Outliers() []string {
	var best, out []string
	for _, r := range d.Results {
		var group []string
		for _, other := range d.Results {
			if r.equal(other) {
				group = append(group, other.Engine)
			}
		}
		if len(group) > len(best) {
			best = group
		}
	}
	for _, r := range d.Results {
		if !slices.Contains(best, r.Engine) {
			out = append(out, r.Engine)
		}
	}
	return out
}

// Error tells who differs in what, and ends with the case in the format of
// vm/testdata/isa, where a reduced one is to be kept; its results are those of
// the first engine.
func (d *Disagreement) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: engines disagree, by vote wrong: %v\n", d.Case.Seed, d.Outliers())
	for _, r := range d.Results {
		fmt.Fprintf(&b, "%12s: r0 = %#x", r.Engine, r.R0)
		if r.Err != nil {
			fmt.Fprintf(&b, ", %v", r.Err)
		}
		b.WriteString(d.differences(r) + "\n")
	}
	fmt.Fprintf(&b, "\n=== seed_%d\nmem %s\nafter %s\nr0 %#x\nprog\n%s",
		d.Case.Seed, words(d.Case.Input), words(d.Results[0].Mem), d.Results[0].R0, d.Case)
	return b.String()
}

// words writes memory as numbers of 64 bits.
func words(mem []byte) string {
	var b []byte
	for i := 0; i+8 <= len(mem); i += 8 {
		b = fmt.Appendf(b, "%#x ", binary.LittleEndian.Uint64(mem[i:]))
	}
	return string(bytes.TrimSpace(b))
}

// differences lists where the memory of r is not the first engine's.
func (d *Disagreement) differences(r Result) string {
	var b strings.Builder
	for i := 0; i+8 <= min(len(r.Mem), len(d.Results[0].Mem)); i += 8 {
		if word := r.Mem[i : i+8]; !bytes.Equal(word, d.Results[0].Mem[i:i+8]) {
			fmt.Fprintf(&b, "\n%14s %-12s %#018x", "", d.Case.placeName(i), binary.LittleEndian.Uint64(word))
		}
	}
	return b.String()
}

// placeName says what the word of the memory at the offset holds.
func (c *Case) placeName(off int) string {
	switch {
	case off < inputSize:
		return fmt.Sprintf("memory+%d", off)
	case off < inputSize+saveSize:
		return fmt.Sprintf("r%d", (off-inputSize)/8)
	}
	return fmt.Sprintf("r10%d", c.funcs[0].bottom()+off-inputSize-saveSize)
}

// Compare runs the case on every engine. The error is a *Disagreement when they
// do not all give the same r0 and the same memory.
func (c *Case) Compare(engines ...Engine) error {
	p, err := c.Program()
	if err != nil {
		return err
	}
	d := &Disagreement{Case: c}
	same := true
	for _, e := range engines {
		r := Result{Engine: e.Name, Mem: bytes.Clone(c.Input)}
		r.R0, r.Err = e.Run(unverified.Program(p), r.Mem)
		d.Results = append(d.Results, r)
		same = same && r.equal(d.Results[0])
	}
	if same {
		return nil
	}
	return d
}
