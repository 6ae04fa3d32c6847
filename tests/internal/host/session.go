package host

import (
	"testing"

	"github.com/bpftime-go/bpftime/session"
)

// Link is one attached specification: hits, misses, the tactic it got, or why it could not be attached.
type Link = session.Link

// read opens the session, reads its links and its log, and closes it.
func (tr *Trace) read(t testing.TB) (links []Link, log []string) {
	t.Helper()
	s, err := session.Open(tr.Path())
	if err != nil {
		t.Fatalf("the agent made no session: %v", err)
	}
	defer s.Close()
	return s.Links(), s.Log()
}

// Processes returns the processes that hold a slot of the session. With BPFTIME_AGENT=none there are none.
func (tr *Trace) Processes(t testing.TB) []session.Process {
	t.Helper()
	if Baseline() {
		return nil
	}
	s, err := session.Open(tr.Path())
	if err != nil {
		t.Fatalf("the agent made no session: %v", err)
	}
	defer s.Close()
	return s.Processes()
}
