package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// TestGadgets: each gadget on a program that calls what it counts a known number of
// times, or on one that everybody has.
func TestGadgets(t *testing.T) {
	u := newUser(t)
	victim(t, "calls", "calls.c")
	r := u.must("run", "funcsum", "libc:getppid", "uretprobe/libc:a64l", "uretprobe/libc:getppid", "--", "calls")
	if !regexp.MustCompile(`\nfuncsum.sums  percpu_array of 3\n +VALUE  OF\n +\d+  libc:getppid\n +15  uretprobe/libc:a64l\n +\d+  uretprobe/libc:getppid\n$`).MatchString(r.stderr) {
		t.Errorf("funcsum\n%s", r.stderr)
	}
	r = u.must("run", "funclatency", "libc:a64l", "--", "calls")
	if counts := drawn(t, r.stderr, "funclatency.latency_ns  percpu_array of 64\n", "nsecs"); counts != 5 {
		t.Errorf("%d calls are in the histogram\n%s", counts, r.stderr)
	}
	u.columns("funclatency", r.stderr)
	u.write("lines", strings.Repeat("line\n", 1000))
	r = u.must("run", "mallocs", "--", "sort", "-o", "sorted", "lines")
	found := regexp.MustCompile(`\n  \{comm: "sort"\}: \{count: (\d+), bytes: \d+\}\n`).FindStringSubmatch(r.stderr)
	if found == nil || number(t, found[1]) != drawn(t, r.stderr, "  sizes\n", "bytes") {
		t.Errorf("mallocs\n%s", r.stderr)
	}
	u.columns("mallocs", r.stderr)
}

// drawn adds up the counts of the histogram that follows a heading.
func drawn(t *testing.T, text, heading, unit string) (sum int) {
	t.Helper()
	_, rest, found := strings.Cut(text, heading)
	if !found || !strings.HasPrefix(rest, "     "+unit+"               : count    distribution\n") {
		t.Errorf("no histogram of %s", unit)
	}
	for _, row := range regexp.MustCompile(`(?m)^ +\d+ -> \d+ +: (\d+) +\|\**(?: *\|)$`).FindAllStringSubmatch(rest, -1) {
		sum += number(t, row[1])
	}
	return sum
}

func number(t *testing.T, s string) (n int) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDefinition: a map that is there with another definition is not used; the report
// says how they differ, the program runs, and what is there stays.
func TestDefinition(t *testing.T) {
	u := newUser(t)
	victim(t, "calls", "calls.c")
	u.must("run", "-s", "web", "funcsum", "uretprobe/libc:a64l", "--", "calls")
	r := u.must("run", "-s", "web", "funcsum", "uretprobe/libc:a64l", "uretprobe/libc:getppid", "--", "calls")
	if r.stdout != "out\n" || !strings.Contains(u.normal(r.stderr), "\n  refused: uretprobe/libc:getppid: maps: another map has this name: DIR/rundir/web/maps/funcsum.sums: max_entries 1, wanted 2: use another session, or remove it\n") {
		t.Errorf("%s", u.normal(r.stderr))
	}
	if got := u.must("map", "dump", "sums").stdout; got != "funcsum.sums  percpu_array of 1\n  KEY  VALUE\n    0     15\n" {
		t.Error(got)
	}
	u.must("run", "-s", "web", "funcsum", "uretprobe/libc:a64l", "--", "calls")
	if got := u.must("map", "lookup", "web/funcsum.sums", "0").stdout; got != "30\n" {
		t.Error(got)
	}
}
