package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/vm/object"
)

// The JSON form of a program of a session.
type progView struct {
	Session string `json:"session"`
	Program string `json:"program"`
	Links   int    `json:"links"`
	Hits    uint64 `json:"hits"`
	Misses  uint64 `json:"misses"`
}

// The JSON form of a program of a file.
type fileProgView struct {
	File    string `json:"file"`
	Program string `json:"program"`
	Section string `json:"section"`
	Insns   int    `json:"insns"`
}

func progListCommand() *cobra.Command {
	var name string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list [FILE]…",
		Short:   "Programs of sessions, or of object files",
		Example: "  bpftime prog list\n  bpftime prog list -s web --json\n  bpftime prog list latency.bpf.o",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return listFiles(c.OutOrStdout(), args, asJSON)
			}
			return listPrograms(c.OutOrStdout(), name, asJSON)
		},
	}
	sessionFlag(c, &name, ", only this one")
	jsonFlag(c, &asJSON)
	return c
}

func listPrograms(w io.Writer, name string, asJSON bool) error {
	open, err := openSessions(sessionName(name))
	if err != nil {
		return err
	}
	defer closeAll(open)
	views := []progView{}
	for _, s := range open {
		views = append(views, programsOf(s.Name(), viewLinks(s))...)
	}
	if asJSON {
		return printJSON(w, map[string]any{"programs": views})
	}
	if len(views) == 0 {
		_, err := fmt.Fprintln(w, "no programs")
		return err
	}
	t := show.Table{Columns: []string{">HITS", ">MISSES", ">LINKS", "SESSION", "PROGRAM"}}
	for _, v := range views {
		t.Add(v.Hits, v.Misses, v.Links, v.Session, v.Program)
	}
	return t.Print(w)
}

// programsOf adds up the links of each program, in the order they were made.
func programsOf(session string, links []linkView) (out []progView) {
	at := map[string]int{}
	for _, l := range links {
		i, seen := at[l.Object]
		if !seen {
			i = len(out)
			at[l.Object] = i
			out = append(out, progView{Session: session, Program: l.Object})
		}
		out[i].Links++
		out[i].Hits += l.Hits
		out[i].Misses += l.Misses
	}
	return out
}

func listFiles(w io.Writer, files []string, asJSON bool) error {
	views := []fileProgView{}
	for _, file := range files {
		spec, _, err := objectFile(file)
		if err != nil {
			return err
		}
		for _, p := range spec.Programs {
			views = append(views, fileProgView{file, p.Name, p.SEC.Name, slots(p.Insns)})
		}
	}
	if asJSON {
		return printJSON(w, map[string]any{"programs": views})
	}
	t := show.Table{Columns: []string{">INSNS", "PROGRAM", "SECTION"}}
	for _, v := range views {
		t.Add(v.Insns, v.Program, v.Section)
	}
	return t.Print(w)
}

// slots counts as the kernel does: an LDDW takes two.
func slots(insns []object.Instruction) (n int) {
	for _, in := range insns {
		n += in.Slots()
	}
	return n
}
