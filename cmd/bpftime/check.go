package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/survey"
	"github.com/bpftime-go/bpftime/elfsym"
)

func checkCommand() *cobra.Command {
	var match string
	var refused, asJSON bool
	c := &cobra.Command{
		Use:   "check BINARY…",
		Short: "Dry run: every function, the tactic it would get, or why not",
		Long: `For every function of programs and libraries: the tactic that a probe at its
entry and one at its return would get, or why it would be refused. Nothing is
started and nothing is changed. BINARY is a path, a program in PATH, or a
library's name (libc).`,
		Example: "  bpftime check libc --match 'mem*'\n  bpftime check /usr/sbin/nginx --refused\n  bpftime check ./server --match '~http::*' --json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s needs a program or a library", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var views []binaryView
			for _, name := range args {
				v, err := checkBinary(name, match)
				if err != nil {
					return err
				}
				if refused {
					v.Functions = slices.DeleteFunc(v.Functions, func(f functionView) bool { return f.Entry != "" && f.Return != "" })
				}
				views = append(views, v)
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), map[string]any{"binaries": views})
			}
			return printBinaries(c.OutOrStdout(), views)
		},
	}
	c.Flags().StringVar(&match, "match", "", "only names that match `GLOB`; ~GLOB: demangled ones")
	c.Flags().BoolVar(&refused, "refused", false, "list only what is refused at entry or return")
	jsonFlag(c, &asJSON)
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
		Entry     string `json:"entry"`
		EntryWhy  string `json:"entry_why,omitempty"`
		Return    string `json:"return"`
		ReturnWhy string `json:"return_why,omitempty"`
	}
	summaryView struct {
		Functions int            `json:"functions"`
		Entry     map[string]int `json:"entry"`
		Return    map[string]int `json:"return"`
	}
)

func checkBinary(name, match string) (binaryView, error) {
	path, err := findBinary(name)
	if err != nil {
		return binaryView{}, err
	}
	f, err := elfsym.Open(path)
	if err != nil {
		return binaryView{}, err
	}
	defer f.Close()
	fns, err := survey.File(f, match, progress(path))
	if err != nil {
		return binaryView{}, err
	}
	v := binaryView{Path: path, BuildID: fmt.Sprintf("%x", f.BuildID()), Functions: []functionView{},
		Summary: summaryView{len(fns), map[string]int{}, map[string]int{}}}
	for _, fn := range fns {
		v.Functions = append(v.Functions, functionView{fn.Name, fn.Vaddr, fn.Size, fn.Entry.Tactic, fn.Entry.Why, fn.Return.Tactic, fn.Return.Why})
		v.Summary.Entry[orRefused(fn.Entry.Tactic)]++
		v.Summary.Return[orRefused(fn.Return.Tactic)]++
	}
	return v, nil
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

// libraryDirs are where distributions keep libraries.
var libraryDirs = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"}

// findBinary is the file that a name means: a path, a program in PATH, or a library by
// its name or stem, as in specifications.
func findBinary(name string) (string, error) {
	if _, err := os.Stat(name); err == nil || strings.Contains(name, "/") {
		return name, err
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range libraryDirs {
		for _, pattern := range []string{name, name + ".so", name + ".so.*"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			if i := slices.IndexFunc(found, isELF); i >= 0 {
				return found[i], nil
			}
		}
	}
	return "", fmt.Errorf("%s: no such file, no program in PATH, and no library in %s", name, strings.Join(libraryDirs, ", "))
}

// isELF tells a library from the linker script that often has its name.
func isELF(path string) bool {
	f, err := elfsym.Open(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

func printBinaries(w io.Writer, views []binaryView) error {
	for i, v := range views {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := printFunctions(w, v.Functions); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", v.Path, counted(v.Summary.Functions, "function")); err != nil {
			return err
		}
		if v.Summary.Functions > 0 {
			io.WriteString(w, show.Wrap("  entry:  ", shares(v.Summary.Entry, v.Summary.Functions)))
			io.WriteString(w, show.Wrap("  return: ", shares(v.Summary.Return, v.Summary.Functions)))
		}
	}
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printFunctions writes a row for each function, and below it why something is refused.
func printFunctions(w io.Writer, fns []functionView) error {
	if len(fns) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "%-8s  %-8s  %s\n", "ENTRY", "RETURN", "FUNCTION"); err != nil {
		return err
	}
	for _, f := range fns {
		name := f.Name
		if name == "" {
			name = fmt.Sprintf("%#x (no name)", f.Vaddr)
		}
		if _, err := fmt.Fprintf(w, "%-8s  %-8s  %s\n", orRefused(f.Entry), orRefused(f.Return), show.Clean(name)); err != nil {
			return err
		}
		if why := cmp.Or(f.EntryWhy, f.ReturnWhy); why != "" {
			io.WriteString(w, show.Wrap(strings.Repeat(" ", 22), why))
		}
	}
	return nil
}

// shares writes "99.4% (jump 98.2%, padding 1.2%), refused 0.6%".
func shares(counts map[string]int, total int) string {
	percent := func(n int) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(total)) }
	var tactics []string
	for t := range counts {
		if t != refusedTactic {
			tactics = append(tactics, t)
		}
	}
	slices.SortFunc(tactics, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	s := percent(total - counts[refusedTactic])
	for i, t := range tactics {
		tactics[i] = t + " " + percent(counts[t])
	}
	if len(tactics) > 0 {
		s += " (" + strings.Join(tactics, ", ") + ")"
	}
	if n := counts[refusedTactic]; n > 0 {
		s += ", refused " + percent(n)
	}
	return s
}
