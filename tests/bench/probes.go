package main

import (
	"cmp"
	"errors"
	"fmt"
)

// checkCalls is how often each site is called to see that its probe is there: before and after timing.
const checkCalls = 1000

// errAbsent wraps the reasons why a row has no figure although nothing is broken.
var (
	errAbsent  = errors.New("not measured")
	errNoAgent = fmt.Errorf("%w: no --agent was given", errAbsent)
)

// bench is one run of the host, for one experiment.
type bench struct {
	experiment
	w      *workshop
	host   *host
	agent  *agentSession // nil: without the agent
	kernel *kernelProbes // nil: without the kernel
	no     map[string]error
	calls  map[string]uint64 // all calls made of a site
	stores map[prober]store  // where the programs use maps
}

func measureHot(w *workshop) ([]Group, error) { return newBench(w, hot).measure() }

func measureCold(w *workshop) ([]Group, error) { return newBench(w, cold).measure() }

func measureHelpers(w *workshop) ([]Group, error) {
	var all []Group
	for _, e := range []experiment{helpers, asked, inMaps} {
		groups, err := newBench(w, e).measure()
		all = append(all, groups...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func newBench(w *workshop, e experiment) *bench {
	return &bench{experiment: e, w: w, no: map[string]error{}, calls: map[string]uint64{}, stores: map[prober]store{}}
}

func (b *bench) measure() (groups []Group, err error) {
	if err := b.start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	b.checkAll()
	t, err := b.host.time(b.w.o, b.live(), b.prepare)
	if err != nil {
		return nil, err
	}
	for name, calls := range t.calls {
		b.calls[name] += calls
	}
	b.checkAll()
	return b.groups(t), nil
}

// start brings up the host with all probes on it. What cannot be had is noted for its sites.
func (b *bench) start() error {
	env, err := b.loadAgent()
	if err != nil {
		return err
	}
	b.host, err = startHost(b.w, append(baseEnv(), env...))
	if err != nil {
		return err
	}
	if kernelSites := b.sitesOf(theKernel); len(kernelSites) > 0 {
		b.kernel, err = attachKernel(b.w, b.host.cmd.Process.Pid, b.object, kernelSites)
		if err != nil {
			b.without(theKernel, fmt.Errorf("%w: %w", errAbsent, err))
		}
	}
	return b.openStores()
}

// loadAgent returns the environment that has the agent probe its sites.
func (b *bench) loadAgent() ([]string, error) {
	if b.w.o.agent == "" {
		b.without(theAgent, errNoAgent)
		return nil, nil
	}
	var specs []string
	var others []other
	for _, s := range b.sitesOf(theAgent) {
		places := s.specs(b.w.path("host"))
		switch {
		case s.program == "":
			specs = append(specs, places...)
		case b.w.noPrograms != nil:
			b.no[s.name] = fmt.Errorf("%w: %w", errAbsent, b.w.noPrograms)
		default:
			others = addPlaces(others, other{b.w.path(b.object + ".bpf.o"), s.program, places})
		}
	}
	b.agent = &agentSession{rundir: b.w.rundir, name: b.name, reads: b.reads}
	manifest, err := b.agent.writeManifest(b.w, "", specs, others...)
	return b.agent.env(b.w.o.agent, manifest), err
}

// addPlaces adds a program, or its places to those that it has already.
func addPlaces(list []other, o other) []other {
	for i := range list {
		if list[i].object == o.object && list[i].program == o.program {
			list[i].specs = append(list[i].specs, o.specs...)
			return list
		}
	}
	return append(list, o)
}

func (b *bench) stop() error {
	err := b.host.stop()
	if b.kernel != nil {
		err = errors.Join(err, b.kernel.close())
	}
	return err
}

func (b *bench) without(by prober, reason error) {
	for _, s := range b.sitesOf(by) {
		b.no[s.name] = reason
	}
}

// live are the sites worth timing.
func (b *bench) live() []string {
	var names []string
	for _, s := range b.sites {
		if b.no[s.name] == nil {
			names = append(names, s.name)
		}
	}
	return names
}

// checkAll calls every live site, and strikes those whose results or counts are not exact.
func (b *bench) checkAll() {
	if b.kernel != nil {
		counting, err := countRuns()
		if err != nil {
			b.without(theKernel, fmt.Errorf("%w: hits cannot be counted: %w", errAbsent, err))
		} else {
			defer counting.Close()
		}
	}
	for _, s := range b.sites {
		if b.no[s.name] == nil {
			b.no[s.name] = b.check(s)
		}
	}
}

func (b *bench) check(s site) error {
	before, err := b.hits(s)
	if err != nil {
		return err
	}
	if err := b.prepare(s.name); err != nil {
		return err
	}
	counted, err := b.host.check(s.name, checkCalls)
	if err != nil {
		return err
	}
	b.calls[s.name] += checkCalls
	after, err := b.hits(s)
	if err != nil {
		return err
	}
	if s.by != hostItself {
		counted = after - before
	}
	if counted != checkCalls*s.hitsPerCall() {
		return fmt.Errorf("%d calls counted %d hits, not %d", checkCalls, counted, checkCalls*s.hitsPerCall())
	}
	return cmp.Or(b.checkTotal(s, after), b.checkUses(s))
}

// checkTotal compares the agent's count with every call ever made, those that were timed included.
func (b *bench) checkTotal(s site, hits uint64) error {
	want := b.calls[s.name] * s.hitsPerCall()
	if s.by == theAgent && hits != want {
		return fmt.Errorf("%d calls in all counted %d hits, not %d", b.calls[s.name], hits, want)
	}
	return nil
}

// hits are the site's so far, from whoever counts outside of the host.
func (b *bench) hits(s site) (uint64, error) {
	switch s.by {
	case theAgent:
		return b.agent.hits(s.symbol())
	case theKernel:
		return b.kernel.hits(s)
	}
	return 0, nil
}

func (b *bench) groups(t timing) []Group {
	var groups []Group
	for _, table := range b.tables {
		g := Group{Title: table.title, Unit: "ns"}
		for _, r := range table.rows {
			g.Rows = append(g.Rows, b.makeRow(r, t))
		}
		g.setRatios(table.rows)
		groups = append(groups, g)
	}
	return groups
}

func (b *bench) makeRow(r row, t timing) Row {
	if err := cmp.Or(b.no[r.site], b.no[r.base]); err != nil {
		return newAbsentRow(r, err)
	}
	f := compare(*t.samples[r.site], *t.samples[r.base], t.best, 1/float64(max(r.calls, 1)))
	return Row{Name: r.site, Label: r.label, Goal: r.goal, Figure: &f}
}
