package conformance

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
)

// Cases are ours. Each file of vm/testdata/isa is a topic and holds cases:
//
//	=== name                   begins a case
//	mem 0x1 -2 …               the memory, in little-endian words of 64 bits
//	after 0x1 -2 …             the memory afterwards, where it matters
//	r0 0x3                     the result
//	refused some words         instead: loading fails with an error with these words in it
//	fails                      instead: a checked engine reports an error as it runs
//	kernel some words          what Linux 6.18 does wrong here
//	prog                       begins a program, in the syntax of vm.Assemble
//	prog -                     an empty element of the program array
//
// Lines that are empty or begin with # are comments outside of programs.
func Cases(t testing.TB) []Case {
	names, err := filepath.Glob(filepath.Join(Root(t), "vm", "testdata", "isa", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []Case
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		topic := strings.TrimSuffix(filepath.Base(name), ".txt")
		more, err := Parse(topic, string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cases = append(cases, more...)
	}
	return cases
}

// Parse reads the text of a topic's file.
func Parse(topic, text string) ([]Case, error) {
	var cases []Case
	_, text, _ = strings.Cut("\n"+text, "\n=== ")
	for body := range strings.SplitSeq(text, "\n=== ") {
		name, body, _ := strings.Cut(body, "\n")
		c := Case{Name: topic + "/" + strings.TrimSpace(name), Mask: math.MaxUint64}
		if err := c.parse(body); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func (c *Case) parse(body string) error {
	head, progs, _ := strings.Cut("\n"+body, "\nprog")
	for line := range strings.Lines(head) {
		if err := c.parseLine(strings.TrimSpace(line)); err != nil {
			return err
		}
	}
	for text := range strings.SplitSeq(progs, "\nprog") {
		if strings.TrimSpace(text) == "-" {
			c.Progs = append(c.Progs, nil)
			continue
		}
		insns, err := vm.Assemble(text)
		if err != nil {
			return err
		}
		code, err := vm.Encode(insns)
		if err != nil {
			return err
		}
		c.Progs = append(c.Progs, code)
	}
	return nil
}

func (c *Case) parseLine(line string) (err error) {
	key, value, _ := strings.Cut(line, " ")
	switch key {
	case "", "#":
	case "mem":
		c.Mem, err = parseWords(value)
	case "after":
		c.After, err = parseWords(value)
	case "r0":
		c.Want, err = parseWord(value)
	case "refused":
		c.Refused = value
	case "fails":
		c.Fails = true
	case "kernel":
		c.KernelErrs = value
	default:
		return fmt.Errorf("unknown line %q", line)
	}
	return err
}

func parseWords(text string) ([]byte, error) {
	var b []byte
	for field := range strings.FieldsSeq(text) {
		v, err := parseWord(field)
		if err != nil {
			return nil, err
		}
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b, nil
}

func parseWord(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-") {
		v, err := strconv.ParseInt(text, 0, 64)
		return uint64(v), err
	}
	return strconv.ParseUint(text, 0, 64)
}
