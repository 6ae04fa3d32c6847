package host

import (
	"strings"
	"testing"
)

// Links returns the session's links by name. With BPFTIME_AGENT=none there are none.
func (tr *Trace) Links(t testing.TB) map[string]Link {
	t.Helper()
	if Baseline() {
		return nil
	}
	links, _ := tr.read(t)
	byName := map[string]Link{}
	for _, l := range links {
		byName[l.Name] = l
	}
	return byName
}

// Log returns the lines of the session's log.
func (tr *Trace) Log(t testing.TB) []string {
	t.Helper()
	if Baseline() {
		return nil
	}
	_, log := tr.read(t)
	return log
}

// WantHits fails the test unless the link was attached and hit exactly n times, with no miss.
func (tr *Trace) WantHits(t testing.TB, spec string, n uint64) {
	t.Helper()
	if l, ok := tr.attached(t, spec); ok && (l.Hits != n || l.Misses != 0) {
		t.Errorf("%s: %d hits and %d misses, want %d and 0 (tactic %s)", spec, l.Hits, l.Misses, n, l.Tactic)
	}
}

// WantTactic fails the test unless the link's only site was patched by that tactic.
func (tr *Trace) WantTactic(t testing.TB, spec, tactic string) {
	t.Helper()
	if l, ok := tr.attached(t, spec); ok && l.Tactic != tactic {
		t.Errorf("%s: patched by %s, want %s", spec, l.Tactic, tactic)
	}
}

// WantCalls fails the test unless hits and misses together are n: for a function that interrupts itself.
func (tr *Trace) WantCalls(t testing.TB, spec string, n uint64) {
	t.Helper()
	if l, ok := tr.attached(t, spec); ok && l.Hits+l.Misses != n {
		t.Errorf("%s: %d hits and %d misses, want %d together (tactic %s)", spec, l.Hits, l.Misses, n, l.Tactic)
	}
}

// WantSome fails the test unless every named link was attached and hit at least once.
func (tr *Trace) WantSome(t testing.TB, specs ...string) {
	t.Helper()
	for _, spec := range specs {
		if l, ok := tr.attached(t, spec); ok && l.Hits == 0 {
			t.Errorf("%s: not hit once (tactic %s)", spec, l.Tactic)
		}
	}
}

// attached returns the link if it can be judged: the test has failed if it is absent or was refused.
func (tr *Trace) attached(t testing.TB, spec string) (Link, bool) {
	t.Helper()
	if Baseline() {
		return Link{}, false
	}
	l, ok := tr.Links(t)[spec]
	if !ok {
		t.Errorf("%s: no such link in the session; log:\n%s", spec, strings.Join(tr.Log(t), "\n"))
		return l, false
	}
	if l.Error != "" {
		t.Errorf("%s: not attached: %s", spec, l.Error)
		return l, false
	}
	return l, true
}
