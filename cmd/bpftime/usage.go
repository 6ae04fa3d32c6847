package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usage is an error about the command line.
func usage(format string, args ...any) error {
	return &exitError{codeUsage, fmt.Errorf(format, args...)}
}

// flagError adds what was perhaps meant to pflag's error.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage("%w", err)
	}
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if short := unknown.GetSpecifiedShortnames(); short != "" {
		if short[0] >= '0' && short[0] <= '9' {
			return usage("%w; a negative number needs -- before it: %s … -- -%s", err, c.CommandPath(), short)
		}
		return usage("%w", err)
	}
	return usage("%w%s", err, didYouMean("--", unknown.GetSpecifiedName(), known))
}

// noArgs refuses arguments: to a command with subcommands, one that is unknown.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !c.HasSubCommands() {
		return usage("%s takes no argument: %q", c.CommandPath(), args[0])
	}
	known := strings.Split(names(c), ", ")
	return usage("unknown command %q for %s%s", args[0], c.CommandPath(), didYouMean("", args[0], known))
}

// exactArgs asks for arguments by name.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage("%s needs %s", c.CommandPath(), strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return usage("%s takes only %s, not also %q", c.CommandPath(), strings.Join(names, " and "), args[len(names)])
		}
		return nil
	}
}

// names lists the subcommands.
func names(c *cobra.Command) string {
	var out []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			out = append(out, sub.Name())
		}
	}
	return strings.Join(out, ", ")
}

// didYouMean is the end of a message about an unknown word: the nearest known one, or
// all of them.
func didYouMean(prefix, word string, known []string) string {
	best, at := 3, -1 // more than two letters apart is another word
	for i, k := range known {
		if strings.HasPrefix(k, word) && word != "" {
			best, at = 0, i
		}
		if d := distance(word, k); d < best && d < len(k) {
			best, at = d, i
		}
	}
	switch {
	case at >= 0:
		return fmt.Sprintf("; did you mean %q?", prefix+known[at])
	case len(known) == 0:
		return ""
	}
	return "; there are " + prefix + strings.Join(known, ", "+prefix)
}

// distance is how many letters have to be inserted, removed, replaced or swapped with
// their neighbour to make b of a.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := range len(a) {
		before, above, row := rows[i%3], rows[(i+1)%3], rows[(i+2)%3]
		row[0] = i + 1
		for j := range len(b) {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}

// complete offers words to the shell.
func complete(words func() []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return withPrefix(words(), word), cobra.ShellCompDirectiveNoFileComp
	}
}

func withPrefix(words []string, prefix string) []string {
	found := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, prefix) })
	slices.Sort(found)
	return slices.Compact(found)
}

// atLeast asks for one argument or more.
func atLeast(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("%s needs %s", c.CommandPath(), name)
		}
		return nil
	}
}
