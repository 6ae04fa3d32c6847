package object

import (
	"fmt"
	"strings"
)

// suggest is the help for a name that is none of the known ones.
func suggest(name string, known []string) string {
	best, at := 3, -1 // more than two letters apart is another word
	for i, k := range known {
		if d := distance(name, k, best); d < best && d < len(k) {
			best, at = d, i
		}
	}
	switch {
	case at >= 0:
		return fmt.Sprintf("did you mean %q?", known[at])
	case len(known) == 0:
		return "there are none"
	case len(known) > 12:
		return fmt.Sprintf("there are %s and %d more", strings.Join(known[:12], ", "), len(known)-12)
	}
	return "there are " + strings.Join(known, ", ")
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
