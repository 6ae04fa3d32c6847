package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a manifest: line and column from 1, the column in characters. The zero Pos is no place.
type Pos struct{ Line, Col int }

// Error is one mistake in a manifest.
type Error struct {
	File string // the name given to Parse
	Pos  Pos
	Msg  string // what was asked and what stood there
	Hint string // what to do about it; may be empty
}

// Error reads "trace.yaml:7:12: unknown key "atach"; did you mean "attach"?".
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Pos.Line, e.Pos.Col, e.Msg)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Errors are the mistakes of one manifest in the order of its text, at least one and at most MaxErrors.
type Errors []*Error

// MaxErrors is the number of mistakes that are told; mending the first ten mends most of the others.
const MaxErrors = 10

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// sorted puts the mistakes in the order of the text and keeps the first MaxErrors.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return e[:min(len(e), MaxErrors)]
}

// suggest is the hint for a word that is none of the known ones.
func suggest(word string, known []string) string {
	if near, ok := closest(word, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known: " + strings.Join(known, ", ")
}

// closest is the known word that was meant, if one is near.
func closest(word string, known []string) (string, bool) {
	best, at := 3, -1 // more than two letters apart is another word
	for i, k := range known {
		if d := distance(word, k, best); d < best && d < len(k) {
			best, at = d, i
		}
	}
	if at < 0 {
		return "", false
	}
	return known[at], true
}

// distance is the number of letters to insert, remove or replace between a and b, or limit if it is not below that.
func distance(a, b string, limit int) int {
	if max(len(a), len(b))-min(len(a), len(b)) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
