package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/session"
)

func psCommand() *cobra.Command {
	var name string
	var asJSON bool
	c := &cobra.Command{
		Use:     "ps",
		Short:   "Sessions, processes, and links with their hits, misses and tactics",
		Example: "  bpftime ps\n  bpftime ps -s web --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			open, err := openSessions(sessionName(name))
			if err != nil {
				return err
			}
			defer closeAll(open)
			views := []sessionView{}
			for _, s := range open {
				views = append(views, viewOf(s))
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"sessions": views})
			}
			return printSessions(c.OutOrStdout(), views)
		},
	}
	sessionFlag(c, &name, ", only this one")
	jsonFlag(c, &asJSON)
	return c
}

// The JSON form of a session.
type (
	sessionView struct {
		Session   string        `json:"session"`
		Dir       string        `json:"dir"`
		Processes []processView `json:"processes"`
		Links     []linkView    `json:"links"`
		Log       []string      `json:"log"`
		rest      []string      // of the log: what is not the refusal of a link
	}
	processView struct {
		PID       int    `json:"pid"`
		Comm      string `json:"comm"`
		Exe       string `json:"exe"`
		Forked    bool   `json:"forked"`
		Alive     bool   `json:"alive"`
		Uncovered uint64 `json:"uncovered,omitempty"` // threads and children without dispatch
	}
	linkView struct {
		Object  string `json:"object"`
		Spec    string `json:"spec"`
		Hits    uint64 `json:"hits"`
		Misses  uint64 `json:"misses"`
		Sites   uint32 `json:"sites"`
		Tactic  string `json:"tactic"`
		Refused uint32 `json:"refused"`
		Error   string `json:"error"`
	}
)

func viewOf(s *session.Session) sessionView {
	v := sessionView{Session: s.Name(), Dir: s.Dir(), Processes: []processView{}, Links: viewLinks(s), Log: s.Log()}
	if v.Log == nil {
		v.Log = []string{}
	}
	links := s.Links()
	for _, r := range s.Records() {
		if !aboutLink(r, links) {
			v.rest = append(v.rest, r.String())
		}
	}
	for _, p := range s.Processes() {
		v.Processes = append(v.Processes, processView{p.PID, p.Comm, p.Exe, p.Forked, p.Alive(), p.Uncovered})
	}
	return v
}

func viewLinks(s *session.Session) []linkView {
	views := []linkView{}
	records := s.Records()
	for _, l := range s.Links() {
		views = append(views, linkView{l.Object, l.Name, l.Hits, l.Misses, l.Sites, l.Tactic, l.Refused, reason(l, records)})
	}
	return views
}

// reason is why a link was refused. Its slot has room for the beginning; the log, as
// long as the record is there, has all of it.
func reason(l session.Link, records []session.Record) string {
	if l.Error == "" {
		return ""
	}
	for _, r := range slices.Backward(records) {
		if why, ok := strings.CutPrefix(r.Text, l.Object+" "+l.Name+": "); ok && strings.HasPrefix(why, l.Error) {
			return why
		}
	}
	return l.Error
}

// printJSON writes one object in one line.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// logLines is how much of a session's log a table shows.
const logLines = 10

func printSessions(w io.Writer, views []sessionView) error {
	if len(views) == 0 {
		_, err := fmt.Fprintln(w, "no sessions: start a program with bpftime run -s NAME")
		return err
	}
	for i, v := range views {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "session %s  %s\n", show.Clean(v.Session), show.Clean(v.Dir))
		io.WriteString(w, show.Wrap("  processes: ", processes(v.Processes)))
		if err := printLinks(w, v.Links); err != nil {
			return err
		}
		for _, line := range v.rest[max(0, len(v.rest)-logLines):] {
			if _, err := io.WriteString(w, show.Wrap("  log: ", line)); err != nil {
				return err
			}
		}
	}
	return nil
}

// printLinks writes a table of links, and below it why some were refused.
func printLinks(w io.Writer, links []linkView) error {
	if len(links) == 0 {
		_, err := fmt.Fprintln(w, "  no links")
		return err
	}
	t := show.Table{Indent: "  ", Columns: []string{">HITS", ">MISSES", ">SITES", "TACTIC", "LINK"}}
	for _, l := range links {
		t.Add(l.Hits, l.Misses, l.Sites, tactic(l), l.Object+" "+l.Spec)
	}
	if err := t.Print(w); err != nil {
		return err
	}
	for _, l := range links {
		if l.Error == "" {
			continue
		}
		if _, err := io.WriteString(w, show.Wrap("  refused: ", l.Spec+": "+l.Error)); err != nil {
			return err
		}
	}
	return nil
}

func tactic(l linkView) string {
	switch {
	case l.Tactic != "":
		return l.Tactic
	case l.Refused > 0:
		return "refused"
	}
	return "not loaded"
}

// processes names those alive.
// uncovered says that a process is not seen whole, though its manifest asks for that.
func (p processView) uncovered() string {
	if p.Uncovered == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d threads and children without dispatch)", p.Uncovered)
}

func processes(ps []processView) string {
	var alive []string
	for _, p := range ps {
		if p.Alive {
			alive = append(alive, fmt.Sprintf("%s[%d]%s", p.Comm, p.PID, p.uncovered()))
		}
	}
	switch {
	case len(ps) == 0:
		return "none"
	case len(alive) == 0:
		return "none alive"
	}
	return strings.Join(alive, " ")
}
