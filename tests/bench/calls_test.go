package main

import (
	"strings"
	"testing"
)

// TestSamples: what c/calls.c prints of several turns is put together, and what it never prints is refused.
func TestSamples(t *testing.T) {
	s := samples{values: map[string]*series{}}
	for _, out := range []string{"sample known 0 163.5 1.5\nsample given 0 170 2\ntimed 1.25 1000\n", "sample known 0 160 1.5\ntimed 1.5 500\n"} {
		if err := s.read([]byte(out)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.values["known"].values); n != 2 || s.calls != 1500 || s.best != 1.25 || s.values["known"].values[1] != 160 {
		t.Errorf("%d samples, %d calls, best %v", n, s.calls, s.best)
	}
	if err := s.read([]byte("killed\n")); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("an answer that is none: %v", err)
	}
}
