package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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

// probeManifest asks for every program on the agent's sites in the host.
func probeManifest(session, host string) manifest {
	var specs []string
	for _, s := range sitesOf(theAgent) {
		for range s.entries {
			specs = append(specs, "uprobe/"+host+":"+s.symbol())
		}
		for range s.returns {
			specs = append(specs, "uretprobe/"+host+":"+s.symbol())
		}
	}
	return counting(session, specs...)
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

func (a *agentSession) dir() string { return filepath.Join(a.rundir, a.name) }

// hits adds up the links on a symbol.
func (a *agentSession) hits(symbol string, links int) (uint64, error) {
	return 0, fmt.Errorf("session %s cannot be read", a.dir())
}

// baseEnv is the environment of everything that is measured: nothing that could load anything.
func baseEnv() []string { return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"} }
