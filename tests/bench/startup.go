package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// startVariant is one environment to start a program under.
type startVariant struct {
	name, label string
	env         []string
	goal        goal
	session     *agentSession // where hits show, for a variant with a probe
}

// startProbe is what /bin/true always calls, once.
const startProbe = "exit"

func startVariants(w *workshop) ([]startVariant, error) {
	variants := []startVariant{
		{name: "none", label: "without"},
		{name: "empty", label: "an empty C library preloaded", env: []string{"LD_PRELOAD=" + w.path("empty.so")}},
	}
	if w.o.agent == "" {
		return variants, nil
	}
	other := &agentSession{rundir: w.rundir, name: "other"}
	otherFile, err := other.writeManifest(w, "*/no-such-program", []string{"uprobe/libc:" + startProbe})
	if err != nil {
		return nil, err
	}
	one := &agentSession{rundir: w.rundir, name: "start"}
	oneFile, err := one.writeManifest(w, "", []string{"uprobe/libc:" + startProbe})
	if err != nil {
		return nil, err
	}
	return append(variants,
		startVariant{name: "no_manifest", label: "agent, no manifest", env: []string{"LD_PRELOAD=" + w.o.agent}, goal: goal{most: 0.4}},
		startVariant{name: "no_match", label: "agent, manifest for other programs", env: other.env(w.o.agent, otherFile), goal: goal{most: 0.4}},
		startVariant{name: "one_probe", label: "agent, one libc probe", env: one.env(w.o.agent, oneFile), goal: goal{most: 5}, session: one},
	), nil
}

// measureStartup times /bin/true under every environment: by the clock, by what the kernel charged
// to the child, and in page faults, which say the same on every machine.
func measureStartup(w *workshop) ([]Group, error) {
	variants, err := startVariants(w)
	if err != nil {
		return nil, err
	}
	out, err := startMany(w, w.o.rounds*2, variants)
	if err != nil {
		return nil, err
	}
	s, err := parseStarts(out)
	if err != nil {
		return nil, err
	}
	failed := checkStarts(variants, w.o.rounds*2+1)
	return []Group{
		s.group("start-up of /bin/true, wall", "ms", s.wall, variants, failed),
		s.group("start-up of /bin/true, CPU", "ms", s.cpu, variants, failed),
		s.group("start-up of /bin/true", "page faults", s.faults, withoutGoals(variants), failed),
	}, nil
}

// startMany runs c/runner.c. Anything on standard error, such as a library that was not loaded, is an error.
func startMany(w *workshop, rounds int, variants []startVariant) ([]byte, error) {
	args := []string{fmt.Sprint(w.o.cpu), fmt.Sprint(rounds), fmt.Sprint(w.o.wait), "/bin/true"}
	for _, v := range variants {
		args = append(append(append(args, "--", v.name), baseEnv()...), v.env...)
	}
	var complaints bytes.Buffer
	cmd := exec.CommandContext(w.ctx, w.path("runner"), args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		return nil, fmt.Errorf("starting /bin/true: %w %s %s", errors.Join(err), lastLine(out), complaints.Bytes())
	}
	return out, nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// starts are the samples of one run of the runner, by variant.
type starts struct {
	wall, cpu map[string]*series // milliseconds
	faults    map[string]*series
	best      float64 // reference level of a quiet core
}

// parseStarts reads the runner's answer.
func parseStarts(out []byte) (starts, error) {
	s := starts{wall: map[string]*series{}, cpu: map[string]*series{}, faults: map[string]*series{}}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var name string
		var round int
		var wall, cpu, faults, reference float64
		line := lines.Text()
		if n, _ := fmt.Sscanf(line, "sample %s %d %f %f %f %f", &name, &round, &wall, &cpu, &faults, &reference); n == 6 {
			seriesOf(s.wall, name).add(wall/1e6, reference)
			seriesOf(s.cpu, name).add(cpu/1e6, reference)
			seriesOf(s.faults, name).add(faults, reference)
		} else if _, err := fmt.Sscanf(line, "timed %f", &s.best); err != nil {
			return s, fmt.Errorf("runner: %q: %w", line, err)
		}
	}
	return s, nil
}

// checkStarts says which variants did not count one hit for each start.
func checkStarts(variants []startVariant, starts int) map[string]error {
	failed := map[string]error{}
	for _, v := range variants {
		if v.session == nil {
			continue
		}
		hits, err := v.session.hits(startProbe)
		if err == nil && hits != uint64(starts) {
			err = fmt.Errorf("%d starts counted %d hits", starts, hits)
		}
		failed[v.name] = err
	}
	return failed
}

func (s starts) group(title, unit string, samples map[string]*series, variants []startVariant, failed map[string]error) Group {
	g := Group{Title: title, Unit: unit}
	for _, v := range variants {
		r := row{label: v.label, site: v.name, goal: v.goal}
		if err := failed[v.name]; err != nil {
			g.Rows = append(g.Rows, newAbsentRow(r, err))
			continue
		}
		f := compare(*samples[v.name], *samples["none"], s.best, 1)
		g.Rows = append(g.Rows, Row{Name: v.name, Label: v.label, Goal: v.goal, Figure: &f})
	}
	g.Rows = append(g.Rows, missingStarts(variants)...)
	return g
}

// withoutGoals are the variants for a table in another unit than the budget's.
func withoutGoals(variants []startVariant) []startVariant {
	variants = slices.Clone(variants)
	for i := range variants {
		variants[i].goal = goal{}
	}
	return variants
}

// missingStarts are the budget's rows that this run cannot have.
func missingStarts(variants []startVariant) []Row {
	rows := []Row{}
	if len(variants) == 2 {
		rows = append(rows, newAbsentRow(row{label: "agent", site: "agent"}, errNoAgent))
	}
	kept := fmt.Errorf("%w: the agent keeps no plans yet", errAbsent)
	return append(rows, newAbsentRow(row{label: "agent, one libc probe from a kept plan", site: "kept_plan"}, kept))
}
