package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/session"
)

func psCommand() *cobra.Command {
	var name string
	var asJSON bool
	c := &cobra.Command{
		Use:     "ps",
		Short:   "Sessions, processes, and links with their hits, misses and tactics",
		Example: "  bpftime ps\n  bpftime ps -s web --json",
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.NoArgs(c, args); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			dirs, err := sessions(name)
			if err != nil {
				return err
			}
			shown, err := readAll(dirs)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), shown)
			}
			return printTable(c.OutOrStdout(), shown)
		},
	}
	c.Flags().StringVarP(&name, "session", "s", "", "only this session")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

// sessions lists the directories of the sessions of this user, or of the one named.
func sessions(name string) ([]string, error) {
	rundir, err := config.EnvFrom(os.Getenv).RunDirPath(os.Geteuid(), owned)
	if err != nil {
		return nil, err
	}
	if name != "" {
		if err := config.CheckSession(name); err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		return []string{filepath.Join(rundir, name)}, nil
	}
	files, err := filepath.Glob(filepath.Join(rundir, "*", session.FileName))
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, f := range files {
		dirs = append(dirs, filepath.Dir(f))
	}
	return dirs, nil
}

func owned(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && int(st.Uid) == os.Geteuid()
}

// The JSON form of ps.
type (
	sessionView struct {
		Session   string        `json:"session"`
		Dir       string        `json:"dir"`
		Processes []processView `json:"processes"`
		Links     []linkView    `json:"links"`
		Log       []string      `json:"log"`
	}
	processView struct {
		PID    int    `json:"pid"`
		Comm   string `json:"comm"`
		Exe    string `json:"exe"`
		Forked bool   `json:"forked"`
		Alive  bool   `json:"alive"`
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

func readAll(dirs []string) ([]sessionView, error) {
	views := []sessionView{}
	for _, dir := range dirs {
		s, err := session.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("no session %q in %s", filepath.Base(dir), filepath.Dir(dir))
		}
		if err != nil {
			return nil, err
		}
		views = append(views, view(s))
		s.Close()
	}
	return views, nil
}

func view(s *session.Session) sessionView {
	v := sessionView{Session: s.Name(), Dir: s.Dir(), Processes: []processView{}, Links: []linkView{}, Log: s.Log()}
	if v.Log == nil {
		v.Log = []string{}
	}
	for _, p := range s.Processes() {
		v.Processes = append(v.Processes, processView{p.PID, p.Comm, p.Exe, p.Forked, p.Alive()})
	}
	for _, l := range s.Links() {
		v.Links = append(v.Links, linkView{l.Object, l.Name, l.Hits, l.Misses, l.Sites, l.Tactic, l.Refused, l.Error})
	}
	return v
}

func printJSON(w io.Writer, views []sessionView) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{"sessions": views})
}

// logLines is how much of a session's log a table shows.
const logLines = 10

func printTable(w io.Writer, views []sessionView) error {
	if len(views) == 0 {
		fmt.Fprintln(w, "no sessions: start a program with LD_PRELOAD=libbpftime-agent.so and BPFTIME_MANIFEST=/path/manifest.yaml")
	}
	for i, v := range views {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "session %s  %s\n", v.Session, v.Dir)
		if err := printLinks(w, v.Links); err != nil {
			return err
		}
		printProcesses(w, v.Processes)
		for _, line := range v.Log[max(0, len(v.Log)-logLines):] {
			fmt.Fprintln(w, "  log:", line)
		}
	}
	return nil
}

func printLinks(w io.Writer, links []linkView) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  LINK\tHITS\tMISSES\tSITES\tTACTIC\tOBJECT")
	for _, l := range links {
		fmt.Fprintf(t, "  %s\t%d\t%d\t%d\t%s\t%s\n", l.Spec, l.Hits, l.Misses, l.Sites, tactic(l), l.Object)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, l := range links {
		if l.Error != "" {
			fmt.Fprintf(w, "  refused: %s: %s\n", l.Spec, l.Error)
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

func printProcesses(w io.Writer, ps []processView) {
	var alive []string
	for _, p := range ps {
		if p.Alive {
			alive = append(alive, fmt.Sprintf("%s[%d]", p.Comm, p.PID))
		}
	}
	if len(alive) == 0 {
		alive = []string{"none alive"}
	}
	fmt.Fprintf(w, "  processes: %s\n", strings.Join(alive, " "))
}
