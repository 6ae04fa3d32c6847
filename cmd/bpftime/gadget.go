package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/gadgets"
)

func gadgetNames() (out []string) {
	for _, g := range gadgets.All {
		out = append(out, g.Name)
	}
	return out
}

func isGadget(name string) bool {
	_, err := gadgets.Find(name)
	return err == nil
}

func gadgetHelp() string {
	var b strings.Builder
	for _, g := range gadgets.All {
		b.WriteString(show.Wrap(fmt.Sprintf("  %-19s ", g.Name+" "+g.Usage), g.Short))
	}
	b.WriteString(`
SPEC is uprobe/PATH:SYMBOL or uretprobe/PATH:SYMBOL; PATH is absolute, or a
library's name (libc), or /proc/self/exe. System calls are ksyscall/NAME and
kretsyscall/NAME. For an OPTION: run opensnoop -h
`)
	return b.String()
}

// printGadgetHelp answers run GADGET -h; false: that was not asked.
func printGadgetHelp(w io.Writer, args []string) bool {
	if len(args) < 2 || args[1] != "-h" && args[1] != "--help" {
		return false
	}
	g, err := gadgets.Find(args[0])
	if err != nil {
		return false
	}
	fmt.Fprintf(w, "%s: %s\n\n  bpftime run %s -- CMD [ARG]…\n", g.Name, g.Short, strings.TrimSpace(g.Name+" "+g.Usage))
	if help := g.Help(); help != "" {
		fmt.Fprintf(w, "\nOptions:\n%s\nThe tool's long names are understood, too. What is run's, as --json and\n--output FILE, stands before %s.\n", help, g.Name)
	}
	return true
}

// gadgetManifest is the manifest of one gadget.
func gadgetManifest(name string, args []string) (*config.Manifest, error) {
	g, err := gadgets.Find(name)
	if err != nil {
		return nil, usage("unknown gadget %q%s", name, didYouMean("", name, gadgetNames()))
	}
	if _, err := g.Expand(args); err != nil {
		return nil, usage("%w%s", err, gadgetHint(g, args))
	}
	return &config.Manifest{Name: name, Objects: []config.Object{{Gadget: name, Args: args}}}, nil
}

// gadgetHint is the end of a message about a gadget's arguments: where those belong that
// are run's, what a bare function's name lacks, or where its options are listed.
func gadgetHint(g *gadgets.Gadget, args []string) string {
	run := runCommand().Flags()
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(name, "--") && run.Lookup(name[2:]) != nil {
			return fmt.Sprintf("; %s is run's, and stands before the gadget: run %[1]s %s", arg, g.Name)
		}
	}
	if g.Help() != "" {
		return fmt.Sprintf("; run %s -h lists the options", g.Name)
	}
	if i := slices.IndexFunc(args, isBareName); i >= 0 && g.Usage != "" {
		return fmt.Sprintf("; a function is named with its file: libc:%s", args[i])
	}
	return ""
}

func isBareName(arg string) bool { return arg != "" && !strings.ContainsAny(arg, ":/-") }

// labels say what the indexes of a gadget's map stand for: funcsum counts in the place of
// the argument.
func labels(m *config.Manifest) map[string][]string {
	out := map[string][]string{}
	for i, name := range m.ObjectNames() {
		if m.Objects[i].Gadget == "funcsum" {
			out[name+".sums"] = m.Objects[i].Args
		}
	}
	return out
}
