// Command bpftime shows what agents do. In this first form it has one verb, ps.
//
// Protocol. The command reads session files and never writes to a process; it
// needs no privilege beyond that of the session's owner. It prints tables for
// people, and with --json one object with snake_case keys. Exit codes: 0 done,
// 1 failed, 2 wrong usage.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// errUsage marks an error that is about the command line.
var errUsage = errors.New("usage")

func main() {
	root := &cobra.Command{
		Use:           "bpftime",
		Short:         "Run eBPF inside processes, in user space",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	root.AddCommand(psCommand())
	err := root.Execute()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "bpftime: %v\n", err)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}
