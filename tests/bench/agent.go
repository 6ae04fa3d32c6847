package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bpftime-go/bpftime/session"
)

// manifest is a session that counts the hits of some places, each in a program of its own.
type manifest struct {
	session string
	specs   []string
	exe     string // only in processes of these programs; empty: in all
	others  []other
	reads   string // how programs read; empty: the default
}

// other is a program of an object at some places.
type other struct {
	object, program string
	specs           []string
}

// list is the places as YAML has them.
func (o other) list() string {
	var quoted []string
	for _, spec := range o.specs {
		quoted = append(quoted, strconv.Quote(spec))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// String is the manifest as people write it: the agent judges a plain process.exe without starting its compiler.
func (m manifest) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "session: %s\nobjects:\n", m.session)
	if len(m.specs) > 0 {
		text.WriteString("  - gadget: funccount\n    args:\n")
	}
	for _, spec := range m.specs {
		fmt.Fprintf(&text, "      - %q\n", spec)
	}
	for i, o := range m.others {
		if i == 0 || o.object != m.others[i-1].object {
			fmt.Fprintf(&text, "  - path: %s\n    attach:\n", o.object)
		}
		fmt.Fprintf(&text, "      %s: %s\n", o.program, o.list())
	}
	if m.reads != "" {
		fmt.Fprintf(&text, "reads: %s\n", m.reads)
	}
	if m.exe != "" {
		fmt.Fprintf(&text, "process:\n  exe: %q\n", m.exe)
	}
	return text.String()
}

// agentSession is a session of processes with the agent, read from outside.
type agentSession struct {
	rundir string
	name   string
	reads  string
}

// writeManifest leaves the session's manifest in the workshop and returns its path.
func (a *agentSession) writeManifest(w *workshop, exe string, specs []string, others ...other) (string, error) {
	path := w.path(a.name + ".yaml")
	return path, os.WriteFile(path, []byte(manifest{a.name, specs, exe, others, a.reads}.String()), 0o644)
}

// env is what makes a process load the agent and join the session.
func (a *agentSession) env(agent, manifest string) []string {
	return []string{"LD_PRELOAD=" + agent, "BPFTIME_MANIFEST=" + manifest, "BPFTIME_RUNDIR=" + a.rundir}
}

// hits adds up the links on a symbol or pattern. A link that was refused, or is not there, is an error with the agent's reason.
func (a *agentSession) hits(symbol string) (uint64, error) {
	s, err := session.Open(filepath.Join(a.rundir, a.name))
	if err != nil {
		return 0, err
	}
	defer s.Close()
	var total uint64
	found := false
	for _, l := range s.Links() {
		if !strings.HasSuffix(l.Name, ":"+symbol) {
			continue
		}
		if err := refusal(l); err != nil {
			return 0, err
		}
		found = true
		total += l.Hits
	}
	if !found {
		return 0, fmt.Errorf("session %s has no link on %s; its log: %q", a.name, symbol, s.Log())
	}
	return total, nil
}

// refusal is why a link does not count every call. What the agent cannot do yet is no failure of what it can.
func refusal(l session.Link) error {
	switch {
	case strings.Contains(l.Error, "not supported yet"):
		return fmt.Errorf("%w: %s", errAbsent, l.Error)
	case l.Refused != 0 || l.Misses != 0:
		return fmt.Errorf("%s: %d sites refused (%s), %d misses", l.Name, l.Refused, l.Error, l.Misses)
	}
	return nil
}

// baseEnv is the environment of everything that is measured: nothing that could load anything.
func baseEnv() []string { return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"} }
