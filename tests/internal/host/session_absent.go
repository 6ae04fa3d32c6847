//go:build !bpftime_session

package host

import "testing"

// Link is one attached specification: hits, misses, the tactic it got, or why it could not be attached.
type Link struct {
	Name          string
	Hits, Misses  uint64
	Tactic, Error string
}

func (tr *Trace) read(t testing.TB) (links []Link, log []string) {
	t.Helper()
	t.Fatal("the session reader is not built in: add -tags bpftime_session")
	return nil, nil
}
