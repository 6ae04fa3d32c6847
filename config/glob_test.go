package config

import (
	"os"
	"strings"
	"testing"
)

// The table is shared with the test of the gate's scanner, which follows the same rule in C.
func TestProcessMatch(t *testing.T) {
	table, err := os.ReadFile("testdata/exe-globs.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(table)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 3 || cells[2] != "yes" && cells[2] != "no" {
			t.Fatalf("%q is no row", line)
		}
		rows++
		if got := (Process{Exe: cells[0]}).Match(cells[1]); got != (cells[2] == "yes") {
			t.Errorf("%q matches %q: %v, want %s", cells[0], cells[1], got, cells[2])
		}
	}
	if rows < 60 {
		t.Errorf("only %d rows", rows)
	}
}

func TestNoPatternMatchesAll(t *testing.T) {
	if !(Process{}).Match("/usr/bin/true") || !(Process{}).Match("") {
		t.Error("the zero Process must select every process")
	}
}

// A pattern of many stars must cost its length times the text's, not two to the power of it: were it so, this would not end.
func TestManyStars(t *testing.T) {
	pattern := strings.Repeat("a*", 500) + "b"
	if match(pattern, strings.Repeat("a", 4000)) {
		t.Error("there is no b to match")
	}
}
