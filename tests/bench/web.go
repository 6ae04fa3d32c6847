package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/session"
)

// A webCase is one way in which nginx serves: alone, under the agent, or while the kernel runs programs.
type webCase struct {
	name, label string
	goal        goal
	objects     string                  // of a manifest; empty: without the agent
	counts      bool                    // whether programs run for every call
	tap         func() (*webTap, error) // what the kernel does meanwhile

	cost         []float64 // CPU time of a request, µs, one for each round
	hits, served uint64
	err          error
}

func webCases() []*webCase {
	return []*webCase{
		{name: "plain", label: "without the agent"},
		{name: "unused", label: "rewritten, nothing attached", objects: "  - gadget: funccount\n    args: [tracepoint/syscalls/sys_enter_getpgrp]\n"},
		{name: "count", label: "syscount", objects: "  - gadget: syscount\n", counts: true, goal: goal{most: 2}},
		{name: "latency", label: "syscount -L", objects: "  - gadget: syscount\n    args: [-L]\n", counts: true},
		{name: "kernel", label: "kernel raw_tracepoint that counts", tap: newWebTap, counts: true},
	}
}

// measureWeb has nginx serve wrk, in pairs: each round has a server for every case, and they serve in turns.
func measureWeb(w *workshop) ([]Group, error) {
	const title = "nginx under wrk, CPU time of a request"
	for _, program := range []string{"nginx", "wrk", "taskset"} {
		if _, err := webProgram(program); err != nil {
			err = fmt.Errorf("%w: %s is not installed", errAbsent, program)
			return []Group{{Title: title, Rows: []Row{newAbsentRow(row{site: "web", label: "nginx"}, err)}}}, nil
		}
	}
	cases := webCases()
	before := load()
	for round := range w.o.rounds * 2 / 5 {
		if err := webRound(w, round, cases); err != nil {
			return nil, err
		}
	}
	g := webGroup(title, cases)
	g.Notes = append(g.Notes, fmt.Sprintf("load of the machine before: %s; after: %s", before, load()))
	return []Group{g}, nil
}

// webProgram finds what may be in a directory that users have not on their path.
func webProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	return path, err
}

// load is the average of a minute, and how many threads are running now.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := append(strings.Fields(string(text)), "?", "?", "?", "?")
	return fields[0] + " (" + fields[3] + ")"
}

func (c *webCase) session() string { return "web_" + c.name }

// webHits adds up all links. A session that nobody has joined yet has none.
func webHits(dir string) (uint64, error) {
	if _, err := os.Stat(dir); err != nil {
		return 0, nil
	}
	s, err := session.Open(dir)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	var total uint64
	for _, l := range s.Links() {
		if err := refusal(l); err != nil {
			return 0, err
		}
		total += l.Hits
	}
	if len(s.Links()) == 0 {
		return 0, fmt.Errorf("%s: the session has no link; its log: %q", dir, s.Log())
	}
	return total, nil
}

func (c *webCase) env(w *workshop) ([]string, error) {
	if c.objects == "" {
		return baseEnv(), nil
	}
	a := agentSession{rundir: w.rundir, name: c.session()}
	file := w.path(a.name + ".yaml")
	text := fmt.Sprintf("session: %s\nobjects:\n%sprocess:\n  exe: \"*/nginx\"\n", a.name, c.objects)
	return append(baseEnv(), a.env(w.o.agent, file)...), os.WriteFile(file, []byte(text), 0o644)
}

// check refuses figures of programs that cannot have run for every request, or have run and should not have.
func (c *webCase) check() error {
	switch {
	case c.err != nil:
		return c.err
	case c.counts && c.hits < 2*c.served:
		return fmt.Errorf("%d requests, but programs have run %d times only", c.served, c.hits)
	case !c.counts && c.hits != 0:
		return fmt.Errorf("programs have run %d times, want 0", c.hits)
	}
	return nil
}

func webGroup(title string, cases []*webCase) Group {
	g := Group{Title: title, Unit: "µs"}
	for _, c := range cases {
		if err := cmp.Or(c.check(), cases[0].err); err != nil {
			g.Rows = append(g.Rows, newAbsentRow(row{site: "web_" + c.name, label: c.label, goal: c.goal}, err))
			continue
		}
		p := pair(c.cost, cases[0].cost)
		g.Rows = append(g.Rows, Row{Name: "web_" + c.name, Label: c.label, Goal: c.goal, Paired: &p})
	}
	if i := slices.IndexFunc(cases, func(c *webCase) bool { return c.name == "count" && c.check() == nil && c.served > 0 }); i >= 0 {
		c := cases[i]
		g.Notes = append(g.Notes, fmt.Sprintf("%.1f system calls a request", float64(c.hits)/float64(c.served)))
	}
	return g
}
