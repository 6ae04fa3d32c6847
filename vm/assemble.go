package vm

import (
	"fmt"
	"strings"
)

// AssembleError says what is wrong with a text and where.
type AssembleError struct {
	Line   int    // counted from 1
	Text   string // the statement
	Reason string
}

func (e *AssembleError) Error() string {
	return fmt.Sprintf("line %d: %s: %s", e.Line, e.Text, e.Reason)
}

// Assemble reads a program in the syntax of clang and llvm-objdump, one
// instruction a statement; statements end at a newline or a semicolon, comments
// begin with # or //. See Instruction.String for the forms. A statement
// "name:" is a label; goto, gotol, call and subprog[…] take one in the place of
// a distance:
//
//	    r0 = 0
//	    if r1 == 0 goto done
//	    r0 = *(u32 *)(r1 + 4)
//	done:
//	    exit
//
// Assemble checks the syntax and that immediates fit; the rest is for Validate.
// The error is an *AssembleError.
func Assemble(text string) ([]Instruction, error) {
	a := assembler{labels: map[string]int{}}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line, _, _ = strings.Cut(line, "//")
		for statement := range strings.SplitSeq(line, ";") {
			if err := a.statement(n+1, strings.TrimSpace(statement)); err != nil {
				return nil, err
			}
		}
	}
	return a.insns, a.resolve()
}

// MustAssemble is Assemble for texts that are part of the program; it panics
// on an error.
func MustAssemble(text string) []Instruction {
	insns, err := Assemble(text)
	if err != nil {
		panic(err)
	}
	return insns
}

type assembler struct {
	insns  []Instruction
	slot   int
	labels map[string]int // name -> slot
	uses   []labelUse
}

// labelUse is an instruction that waits for the slot of a label.
type labelUse struct {
	index, slot int
	label       string
	line        int
	text        string
}

func (a *assembler) statement(line int, text string) error {
	fail := func(reason string) error { return &AssembleError{Line: line, Text: text, Reason: reason} }
	if name, rest, ok := strings.Cut(text, ":"); ok && isName(name) {
		if _, twice := a.labels[name]; twice {
			return fail("label defined twice")
		}
		a.labels[name] = a.slot
		text = strings.TrimSpace(rest)
	}
	if text == "" {
		return nil
	}
	in, label, reason := parseStatement(text)
	if reason != "" {
		return fail(reason)
	}
	if label != "" {
		a.uses = append(a.uses, labelUse{len(a.insns), a.slot, label, line, text})
	}
	a.insns = append(a.insns, in)
	a.slot += in.Slots()
	return nil
}

func (a *assembler) resolve() error {
	for _, use := range a.uses {
		fail := func(format string, args ...any) error {
			return &AssembleError{Line: use.line, Text: use.text, Reason: fmt.Sprintf(format, args...)}
		}
		at, ok := a.labels[use.label]
		if !ok {
			return fail("label %q is not defined", use.label)
		}
		in := &a.insns[use.index]
		distance := at - use.slot - 1
		switch {
		case in.OpCode == JA32, in.IsLocalCall():
			in.Imm = int64(int32(distance))
		case in.IsFuncRef():
			in.Imm = int64(uint32(distance))
		case int(int16(distance)) != distance:
			return fail("label %q is %d slots away, too far for 16 bits; use gotol", use.label, distance)
		default:
			in.Off = int16(distance)
		}
	}
	return nil
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c == '.' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
