package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"github.com/bpftime-go/bpftime/session"
)

// A caller is one way in which c/calls.c runs: alone, under the agent, or while the kernel runs programs.
type caller struct {
	name  string
	specs []string                  // of a session of its own
	tap   func() (io.Closer, error) // what the kernel does meanwhile
	runs  samples
	err   error
}

// samples are those of one caller, of all its turns.
type samples struct {
	values map[string]*series
	best   float64
	calls  uint64 // of each variant
}

const callTurns = 5

// callRows are the rows of the table; the first is what the others are compared with.
var callRows = []struct {
	caller, variant, label string
	goal                   goal
}{
	{"plain", "known", "getppid, a system call", goal{}},
	{"unused", "known", "rewritten for other calls, number known", goal{most: 3}},
	{"unused", "given", "rewritten, nothing attached to it", goal{most: 3}},
	{"used", "known", "enter + exit programs", goal{most: 12}},
	{"used", "given", "enter + exit programs, number not known", goal{most: 12}},
	{"kernel", "known", "kernel raw_tracepoint, enter + exit", goal{}},
}

// measureCalls times a system call. What the kernel runs for its tracepoints slows all calls of all processes, so callers
// take turns.
func measureCalls(w *workshop) ([]Group, error) {
	callers := map[string]*caller{}
	for _, c := range []*caller{
		{name: "plain"},
		{name: "unused", specs: []string{"tracepoint/syscalls/sys_enter_getpgrp", "tracepoint/syscalls/sys_exit_getpgrp"}},
		{name: "used", specs: []string{"tracepoint/syscalls/sys_enter_getppid", "tracepoint/syscalls/sys_exit_getppid"}},
		{name: "kernel", tap: tapCalls},
	} {
		c.runs.values = map[string]*series{}
		callers[c.name] = c
	}
	for range callTurns {
		for _, name := range []string{"plain", "unused", "used", "kernel"} {
			callers[name].turn(w)
		}
	}
	callers["used"].check(w, 2)
	callers["unused"].check(w, 0)
	return []Group{callGroup(callers)}, callers["plain"].err
}

// turn runs the program once more. After an error there is no other turn.
func (c *caller) turn(w *workshop) {
	if c.err != nil {
		return
	}
	if c.tap != nil {
		t, err := c.tap()
		if err != nil {
			c.err = fmt.Errorf("%w: %w", errAbsent, err)
			return
		}
		defer t.Close()
	}
	env, err := c.env(w)
	if err != nil {
		c.err = err
		return
	}
	cmd := exec.CommandContext(w.ctx, w.path("calls"), fmt.Sprint(w.o.cpu), fmt.Sprint(w.o.rounds), fmt.Sprint(w.o.wait/callTurns))
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		c.err = fmt.Errorf("calls: %w", err)
		return
	}
	c.err = c.runs.read(out)
}

func (c *caller) session(w *workshop) *agentSession {
	return &agentSession{rundir: w.rundir, name: "calls_" + c.name}
}

func (c *caller) env(w *workshop) ([]string, error) {
	if c.specs == nil {
		return baseEnv(), nil
	}
	if w.o.agent == "" {
		return nil, errNoAgent
	}
	a := c.session(w)
	file, err := a.writeManifest(w, "", c.specs)
	return append(baseEnv(), a.env(w.o.agent, file)...), err
}

func (s *samples) read(out []byte) error {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var name string
		var round int
		var ns, reference, best float64
		var calls uint64
		line := lines.Text()
		if n, _ := fmt.Sscanf(line, "sample %s %d %f %f", &name, &round, &ns, &reference); n == 4 {
			seriesOf(s.values, name).add(ns, reference)
		} else if _, err := fmt.Sscanf(line, "timed %f %d", &best, &calls); err != nil {
			return fmt.Errorf("calls: %q: %w", line, err)
		}
		s.calls += calls
		if best != 0 && (s.best == 0 || best < s.best) {
			s.best = best
		}
	}
	return nil
}

// check sees that each of the caller's programs has run for so many variants of the call.
func (c *caller) check(w *workshop, variants uint64) {
	if c.err != nil {
		return
	}
	s, err := session.Open(filepath.Join(w.rundir, c.session(w).name))
	if err != nil {
		c.err = err
		return
	}
	defer s.Close()
	for _, l := range s.Links() {
		if want := variants * c.runs.calls; l.Hits != want || l.Misses != 0 {
			c.err = fmt.Errorf("%s: %d hits and %d misses, want %d and 0; %s", l.Name, l.Hits, l.Misses, want, l.Error)
		}
	}
}

func callGroup(callers map[string]*caller) Group {
	g := Group{Title: "a system call", Unit: "ns"}
	base := callers["plain"].runs
	for _, r := range callRows {
		c := callers[r.caller]
		if c.err != nil {
			g.Rows = append(g.Rows, newAbsentRow(row{label: r.label, site: r.caller + "_" + r.variant, goal: r.goal}, c.err))
			continue
		}
		f := compare(*c.runs.values[r.variant], *base.values["known"], max(c.runs.best, base.best), 1)
		g.Rows = append(g.Rows, Row{Name: r.caller + "_" + r.variant, Label: r.label, Goal: r.goal, Figure: &f})
	}
	return g
}

// taps are programs at the kernel's own tracepoints.
type taps []io.Closer

func (t taps) Close() error {
	var errs []error
	for _, c := range t {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func tapCalls() (io.Closer, error) {
	var t taps
	for _, name := range []string{"sys_enter", "sys_exit"} {
		one, err := tapRaw(name, asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()})
		t = append(t, one...)
		if err != nil {
			return nil, errors.Join(err, t.Close())
		}
	}
	return t, nil
}

// tapRaw has the kernel run a program at a raw tracepoint until it is closed.
func tapRaw(name string, instructions asm.Instructions) (taps, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("kernel eBPF is not to be had here: %w", err)
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, License: "MIT", Instructions: instructions})
	if err != nil {
		return nil, err
	}
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: program})
	if err != nil {
		return taps{program}, err
	}
	return taps{program, l}, nil
}
