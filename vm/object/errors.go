package object

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Error says what is wrong with an object, where, and what helps.
type Error struct {
	Where   string // of a Constant or MapOption that it is about; may be empty
	Object  string // as named to Load
	Place   string // the part of it: `section ".maps": map starts`; may be empty
	Program string // function of the instruction, "" if it is not about one
	Insn    int    // slot in that function, -1 if it is not about an instruction
	Source  string // "file.c:12", "" without line information
	Reason  string
	Help    string // may be empty
	Err     error  // wrapped, may be nil; its text is part of Reason
}

func (e *Error) Error() string {
	var parts []string
	if e.Where != "" {
		parts = append(parts, e.Where)
	}
	parts = append(parts, e.Object)
	if e.Place != "" {
		parts = append(parts, e.Place)
	}
	if e.Program != "" {
		parts = append(parts, "program "+e.Program)
	}
	if e.Insn >= 0 && e.Program != "" {
		at := fmt.Sprintf("insn %d", e.Insn)
		if e.Source != "" {
			at += " (" + e.Source + ")"
		}
		parts = append(parts, at)
	}
	text := strings.Join(append(parts, e.Reason), ": ")
	if e.Help != "" {
		text += "; " + e.Help
	}
	return printable(text)
}

// printable keeps names of a hostile file from filling a log, or from writing
// lines of their own there.
func printable(text string) string {
	const most = 1000
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

func (e *Error) Unwrap() error { return e.Err }

// A refusal is what is wrong with one instruction, and what helps.
type refusal struct{ reason, help string }

// failure makes an error about a part of the object that is no instruction.
func failure(place, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Place: place, Insn: -1, Reason: err.Error(), Err: errors.Unwrap(err)}
}

// helped adds what helps.
func (e *Error) helped(help string) *Error {
	e.Help = help
	return e
}

// of names the object in an error that does not know it yet, whatever its type.
func of(object string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		e = failure("", "%w", err)
		e.Err = err
	}
	e.Object = object
	return e
}

// recovered turns a panic of a library into an error.
func recovered(object, doing string, err *error) {
	if r := recover(); r != nil {
		*err = of(object, failure("", "%s: the file is broken in a way that is not understood: %v", doing, r))
	}
}
