package main

import (
	"os"
	"testing"

	programs "github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestWebRound: every case that this user can have gets its figure from nginx and wrk, and programs have run for the calls.
func TestWebRound(t *testing.T) {
	programs.Require(t, "nginx", "wrk")
	w := *theWorkshop
	w.o.agent = programs.Agent(t)
	cases := webCases()
	for round := range 2 {
		if err := webRound(&w, round, cases); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range cases {
		if c.name == "kernel" && os.Geteuid() != 0 {
			continue
		}
		if err := c.check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if len(c.cost) != 2 || c.served == 0 {
			t.Errorf("%s: %d figures of %d requests", c.name, len(c.cost), c.served)
		}
	}
	for _, r := range webGroup("", cases).Rows {
		if r.Paired != nil && r.Paired.Pairs != 2 {
			t.Errorf("%s: %d pairs", r.Label, r.Paired.Pairs)
		}
	}
}
