package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bpftime-go/bpftime/session"
)

// manifest is the part of the agent's manifest that is used here; JSON is YAML.
type manifest struct {
	Session string            `json:"session"`
	Objects []manifestObject  `json:"objects"`
	Process map[string]string `json:"process,omitempty"`
}

type manifestObject struct {
	Gadget string   `json:"gadget"`
	Args   []string `json:"args"`
}

// counting is the manifest of a session that counts the hits of some places, each in a program of its own.
func counting(session string, specs ...string) manifest {
	m := manifest{Session: session}
	for _, spec := range specs {
		m.Objects = append(m.Objects, manifestObject{Gadget: "funccount", Args: []string{spec}})
	}
	return m
}

// agentSession is a session of processes with the agent, read from outside.
type agentSession struct {
	rundir string
	name   string
}

// writeManifest leaves the manifest in the workshop and returns its path.
func (a *agentSession) writeManifest(w *workshop, m manifest) (string, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	path := w.path(a.name + ".yaml")
	return path, os.WriteFile(path, text, 0o644)
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
		if l.Refused != 0 || l.Misses != 0 {
			return 0, fmt.Errorf("%s: %d sites refused (%s), %d misses", l.Name, l.Refused, l.Error, l.Misses)
		}
		found = true
		total += l.Hits
	}
	if !found {
		return 0, fmt.Errorf("session %s has no link on %s; its log: %q", a.name, symbol, s.Log())
	}
	return total, nil
}

// baseEnv is the environment of everything that is measured: nothing that could load anything.
func baseEnv() []string { return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"} }
