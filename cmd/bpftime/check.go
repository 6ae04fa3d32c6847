package main

import (
	"fmt"
	"io"
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
	traps        bool
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
entry and one at its return would get, or why it would be refused; the same for
system calls, and for USDT markers. Nothing is started and nothing is changed.
BINARY is a path, a program in PATH, or a library's name (libc).

Without a flag it prints how many can be patched, and why others cannot, with
an example or three of each reason. --match, --refused and --all list them.`,
		Example: "  bpftime check libc\n  bpftime check libc --match 'mem*'\n  bpftime check /usr/sbin/nginx --refused\n  bpftime check ./server --match '~http::*' --json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s needs a program or a library", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return check(c.OutOrStdout(), args, o) },
	}
	c.Flags().StringVar(&o.match, "match", "", "only names that match `GLOB`; ~GLOB: demangled ones")
	c.Flags().BoolVar(&o.refused, "refused", false, "list what is refused")
	c.Flags().BoolVar(&o.all, "all", false, "list everything")
	c.Flags().BoolVar(&o.traps, "traps", false, "with traps, as a manifest may ask for")
	jsonFlag(c, &o.asJSON)
	return c
}

// check goes on after a file that it cannot check: /usr/sbin/* has scripts in it too.
func check(w io.Writer, names []string, o checkOptions) error {
	views, failed := []binaryView{}, false
	for _, name := range names {
		v, err := checkBinary(name, o)
		switch {
		case err != nil && len(names) == 1:
			return err
		case err != nil:
			failed = true
			warn("%v", err)
			continue
		}
		views = append(views, v)
		if o.asJSON {
			continue
		}
		if len(views) > 1 {
			fmt.Fprintln(w)
		}
		if err := printBinary(w, v, o); err != nil {
			return err
		}
		views[len(views)-1] = binaryView{} // all of a big program is much
	}
	if o.asJSON {
		if err := printJSON(w, map[string]any{"binaries": views}); err != nil {
			return err
		}
	}
	if failed {
		return &exitError{code: codeFailed}
	}
	return nil
}

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
	s, err := survey.File(f, survey.Options{Pattern: o.match, Traps: o.traps, Progress: progress(path)})
	if err != nil {
		return binaryView{}, err
	}
	return newBinaryView(path, f.BuildID(), s, o.refused), nil
}

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
