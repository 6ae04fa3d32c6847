package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sleepProbe is what sleep calls, once, and then stays in.
const sleepProbe = "clock_nanosleep"

// memoryRows are what a process is asked for, with the goal for what the agent adds.
var memoryRows = []row{
	{label: "RSS, KiB", site: "rss", goal: goal{most: 2048}},
	{label: "PSS, KiB", site: "pss"},
	{label: "VmSize, KiB", site: "vmsize"},
	{label: "threads", site: "threads", goal: goal{most: 0}},
	{label: "descriptors", site: "fds", goal: goal{most: 0}},
}

// footprint is a process's memory and more, by the name of the row.
type footprint map[string]float64

// measureMemory compares sleep with and without the agent and one probe.
func measureMemory(w *workshop) ([]Group, error) {
	g := Group{Title: "sleep with the agent and one libc probe"}
	if w.o.agent == "" {
		for _, r := range memoryRows {
			g.Rows = append(g.Rows, newAbsentRow(r, errNoAgent))
		}
		return []Group{g}, nil
	}
	a := &agentSession{rundir: w.rundir, name: "sleep"}
	manifest, err := a.writeManifest(w, "", []string{"uprobe/libc:" + sleepProbe})
	if err != nil {
		return nil, err
	}
	with, without, err := compareSleeps(w, a, a.env(w.o.agent, manifest))
	if err != nil {
		return nil, err
	}
	for _, r := range memoryRows {
		f := compare(*with[r.site], *without[r.site], 1, 1)
		g.Rows = append(g.Rows, Row{Name: r.site, Label: r.label, Goal: r.goal, Figure: &f})
	}
	return []Group{g}, nil
}

func compareSleeps(w *workshop, a *agentSession, env []string) (with, without map[string]*series, err error) {
	with, without = map[string]*series{}, map[string]*series{}
	rounds := max(enoughQuiet, w.o.rounds/4)
	for round := range rounds {
		if err := weighSleep(w, nil, without); err != nil {
			return nil, nil, err
		}
		if err := weighSleep(w, env, with); err != nil {
			return nil, nil, err
		}
		hits, err := a.hits(sleepProbe)
		if err == nil && hits != uint64(round+1) {
			err = fmt.Errorf("%d runs of sleep counted %d hits", round+1, hits)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return with, without, nil
}

// weighSleep starts sleep, waits until it sleeps, and adds what it weighs. The reference is 1: nothing disturbs these numbers.
func weighSleep(w *workshop, env []string, to map[string]*series) error {
	cmd := exec.CommandContext(w.ctx, "/bin/sleep", "60")
	cmd.Env = append(baseEnv(), env...)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if err := waitAsleep(cmd.Process.Pid); err != nil {
		return err
	}
	weight, err := weigh(cmd.Process.Pid)
	for name, value := range weight {
		seriesOf(to, name).add(value, 1)
	}
	return err
}

// waitAsleep returns when the process is inside clock_nanosleep: everything before that has happened.
func waitAsleep(pid int) error {
	const clockNanosleep = "230 "
	for range 2000 {
		where, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(where), clockNanosleep) {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errors.New("sleep does not sleep")
}

func weigh(pid int) (footprint, error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	rollup, err1 := readFields(filepath.Join(proc, "smaps_rollup"))
	status, err2 := readFields(filepath.Join(proc, "status"))
	fds, err3 := os.ReadDir(filepath.Join(proc, "fd"))
	return footprint{
		"rss":     rollup["Rss"],
		"pss":     rollup["Pss"],
		"vmsize":  status["VmSize"],
		"threads": status["Threads"],
		"fds":     float64(len(fds)),
	}, errors.Join(err1, err2, err3)
}

// readFields reads the lines "Name: number …" of a file in /proc.
func readFields(path string) (map[string]float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	fields := map[string]float64{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if words := strings.Fields(rest); len(words) > 0 {
			if v, err := strconv.ParseFloat(words[0], 64); err == nil {
				fields[name] = v
			}
		}
	}
	return fields, lines.Err()
}
