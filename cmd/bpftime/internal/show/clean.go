package show

import (
	"strings"
	"unicode"
)

// Clean takes out of a text what a terminal would obey: names and lines come from other
// processes and from files. Lines stay lines.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
}

// cell is Clean for what must stay in its line.
func cell(s string) string { return strings.NewReplacer("\n", " ", "\t", " ").Replace(Clean(s)) }
