// Command bpftime starts traced programs and shows what agents do in them.
//
// Protocol. The command reads session directories and starts programs; it never writes
// into a process, and needs no privilege beyond that of the session's owner. What it
// knows of a session it reads from the session's files, so it makes no difference
// who started the traced programs, and whether they still live.
//
//	run                     manifest ─▶ session ─▶ CMD with the agent ─▶ report
//	ps map prog events trace            session ─▶ what is there
//	check doctor                        before anything runs
//
// Tables are for people; with --json there is one object per command, and one per line
// from what streams (run, events, trace). Exit codes: 0 done, 1 failed, 2 wrong usage;
// those of run are CMD's, see run.go.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() { os.Exit(execute(os.Args[1:])) }

// Exit codes.
const (
	codeFailed = 1
	codeUsage  = 2
)

// exitError is an error with the exit code it leads to. Without err nothing is left to
// say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func execute(args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	c, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	exit := &exitError{codeFailed, err}
	errors.As(err, &exit)
	if exit.err != nil {
		warn("%v", exit.err)
	}
	if exit.code == codeUsage && exit.err != nil { // else it is the code of run's CMD
		fmt.Fprintf(os.Stderr, "see: %s --help\n", c.CommandPath())
	}
	return exit.code
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "bpftime",
		Short:         "Run eBPF inside processes, in user space",
		Long:          "Run eBPF inside processes, in user space: without root, without kernel eBPF.",
		Example:       "  bpftime run funccount uprobe/libc:malloc -- sort file\n  bpftime run -o latency.bpf.o -- ./server\n  bpftime ps",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = false
	for _, c := range []*cobra.Command{runCommand(), psCommand(), mapCommand(), progCommand(), eventsCommand(), traceCommand(), checkCommand(), doctorCommand()} {
		root.AddCommand(c)
	}
	return root
}

// group is a command that has only subcommands.
func group(use, short, example string, subcommands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Example: example, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return usage("%s needs one of its commands: %s", c.CommandPath(), names(c))
		},
	}
	c.AddCommand(subcommands...)
	return c
}
