package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/survey"
	"github.com/bpftime-go/bpftime/elfsym"
)

// checkOptions is what check was asked for.
type checkOptions struct {
	match        string
	refused, all bool
	asJSON       bool
}

// lists tells whether functions are listed, or only summed up. What programs read has
// everything.
func (o checkOptions) lists() bool { return o.match != "" || o.refused || o.all || o.asJSON }

func checkCommand() *cobra.Command {
	var o checkOptions
	c := &cobra.Command{
		Use:   "check BINARY…",
		Short: "Dry run: how every function can be probed, or why not",
		Long: `For every function of programs and libraries: the tactic that a probe at its
entry and one at its return would get, or why it would be refused. Nothing is
started and nothing is changed. BINARY is a path, a program in PATH, or a
library's name (libc).

Without a flag it prints how many can be probed, and why others cannot, with
an example or three of each reason. --match, --refused and --all list functions.`,
		Example: "  bpftime check libc\n  bpftime check libc --match 'mem*'\n  bpftime check /usr/sbin/nginx --refused\n  bpftime check ./server --match '~http::*' --json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s needs a program or a library", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var views []binaryView
			for _, name := range args {
				v, err := checkBinary(name, o)
				if err != nil {
					return err
				}
				views = append(views, v)
			}
			if o.asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"binaries": views})
			}
			return printBinaries(c.OutOrStdout(), views, o)
		},
	}
	c.Flags().StringVar(&o.match, "match", "", "only names that match `GLOB`; ~GLOB: demangled ones")
	c.Flags().BoolVar(&o.refused, "refused", false, "list what is refused at entry or return")
	c.Flags().BoolVar(&o.all, "all", false, "list every function")
	jsonFlag(c, &o.asJSON)
	return c
}

// The JSON form of check.
type (
	binaryView struct {
		Path      string         `json:"path"`
		BuildID   string         `json:"build_id"`
		Summary   summaryView    `json:"summary"`
		Functions []functionView `json:"functions"`
	}
	functionView struct {
		Name      string `json:"name"`
		Vaddr     uint64 `json:"vaddr"`
		Size      uint64 `json:"size"`
		Part      bool   `json:"part,omitempty"`
		Entry     string `json:"entry"`
		EntryWhy  string `json:"entry_why,omitempty"`
		Return    string `json:"return"`
		ReturnWhy string `json:"return_why,omitempty"`
	}
	summaryView struct {
		tallyView
		Long     tallyView    `json:"five_bytes_and_more"`
		Short    tallyView    `json:"shorter"`
		Parts    tallyView    `json:"cold_parts"`
		Refusals []reasonView `json:"refusals"`
	}
	// tallyView counts functions by tactic; those without one as refused.
	tallyView struct {
		Functions int            `json:"functions"`
		Entry     map[string]int `json:"entry"`
		Return    map[string]int `json:"return"`
	}
	reasonView struct {
		Why      string   `json:"why"`
		Entry    int      `json:"entry"`
		Return   int      `json:"return"`
		Examples []string `json:"examples"`
	}
)

func checkBinary(name string, o checkOptions) (binaryView, error) {
	path, err := findBinary(name)
	if err != nil {
		return binaryView{}, err
	}
	f, err := elfsym.Open(path)
	if err != nil {
		return binaryView{}, explain(name, path, err)
	}
	defer f.Close()
	fns, err := survey.File(f, o.match, progress(path))
	if err != nil {
		return binaryView{}, err
	}
	v := binaryView{Path: path, BuildID: fmt.Sprintf("%x", f.BuildID()), Functions: []functionView{}, Summary: summarize(fns)}
	for _, fn := range fns {
		if !o.refused || fn.Refused() {
			v.Functions = append(v.Functions, functionView{fn.Name, fn.Vaddr, fn.Size, fn.Part, fn.Entry.Tactic, fn.Entry.Why, fn.Return.Tactic, fn.Return.Why})
		}
	}
	return v, nil
}

// jumpLen is what a jump takes: shorter functions need padding behind them.
const jumpLen = 5

func summarize(fns []survey.Function) summaryView {
	s := summaryView{tallyView: newTally(), Long: newTally(), Short: newTally(), Parts: newTally(), Refusals: []reasonView{}}
	for _, fn := range fns {
		switch {
		case fn.Part:
			s.Parts.add(fn)
			continue
		case fn.Size != 0 && fn.Size < jumpLen: // 0: nothing says how long it is
			s.Short.add(fn)
		default:
			s.Long.add(fn)
		}
		s.add(fn)
	}
	for _, r := range survey.Reasons(fns) {
		s.Refusals = append(s.Refusals, reasonView(r))
	}
	return s
}

func newTally() tallyView { return tallyView{0, map[string]int{}, map[string]int{}} }

func (t *tallyView) add(fn survey.Function) {
	t.Functions++
	t.Entry[orRefused(fn.Entry.Tactic)]++
	t.Return[orRefused(fn.Return.Tactic)]++
}

const refusedTactic = "refused"

func orRefused(tactic string) string { return cmp.Or(tactic, refusedTactic) }

// progress counts on a terminal, in one line that is wiped at the end.
func progress(path string) func(done, total int) {
	if !isTerminal(os.Stderr) {
		return nil
	}
	return func(done, total int) {
		if done%100 == 0 {
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s: %d of %d functions", filepath.Base(path), done, total)
		}
		if done == total-1 {
			fmt.Fprint(os.Stderr, "\r\x1b[K")
		}
	}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
