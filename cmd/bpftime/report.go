package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/bpftime-go/bpftime/session"
)

// The JSON form of run's last line.
type runView struct {
	Command  string `json:"command"`
	ExitCode int    `json:"exit_code"`
	sessionView
	Maps []mapView `json:"maps"`
}

// reportEntries is how many entries of a map the report shows.
const reportEntries = 64

// report prints links and maps once CMD has ended.
func report(rs *runSession, out *output, command string, code int) error {
	v, ms, err := rs.view()
	if err != nil {
		return err
	}
	defer closeMaps(ms)
	if out.asJSON {
		r := runView{Command: command, ExitCode: code, sessionView: v, Maps: []mapView{}}
		for _, m := range ms {
			r.Maps = append(r.Maps, m.view(true))
		}
		printJSON(out, r)
		return out.failure()
	}
	if len(v.Processes)+len(v.Links) == 0 {
		fmt.Fprintln(out, "bpftime: nothing was traced: the agent started in no process")
		return out.failure()
	}
	if rs.tool != nil {
		printTroubles(out, v.Links)
		return out.failure()
	}
	fmt.Fprintln(out)
	if err := printLinks(out, v.Links); err != nil {
		return err
	}
	for _, m := range ms {
		m.labels = rs.labels[m.name]
		if m.isConstant() || m.isOfUSDT() || m.Spec().Type.HasRecords() {
			continue // nothing that was found out
		}
		fmt.Fprintln(out)
		if err := m.print(out, reportEntries); err != nil {
			return err
		}
	}
	return out.failure()
}

// view is what is in the session, an empty one if no agent made it.
func (rs *runSession) view() (sessionView, []*openMap, error) {
	s, err := session.Open(rs.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return sessionView{Session: rs.name, Dir: rs.dir, Processes: []processView{}, Links: []linkView{}, Log: []string{}}, nil, nil
	}
	if err != nil {
		return sessionView{}, nil, err
	}
	defer s.Close()
	ms, err := openMaps(s)
	return viewOf(s), ms, err
}
