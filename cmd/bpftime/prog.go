package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/vm/object"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

func progCommand() *cobra.Command {
	dump := group("dump", "Show a program's instructions", "  bpftime prog dump xlated latency.bpf.o\n  bpftime prog dump jited latency.bpf.o on_entry",
		dumpCommand("xlated", "eBPF instructions, linked, with the lines of the source", func(w io.Writer, _ *object.Object, p *object.Program) error { return p.Dump(w) }),
		dumpCommand("jited", "x86-64 instructions, with the lines of the source", dumpJited))
	return group("prog", "Programs of sessions and of object files", "  bpftime prog list\n  bpftime prog dump xlated latency.bpf.o\n  bpftime prog verify latency.bpf.o",
		progListCommand(), dump, verifyCommand())
}

// objectFile reads and links an object.
func objectFile(path string) (*object.Spec, *object.Object, error) {
	spec, err := object.LoadFile(path)
	if err != nil {
		return nil, nil, err
	}
	linked, err := object.Link(spec, object.Options{})
	return spec, linked, err
}

func dumpCommand(what, short string, dump func(io.Writer, *object.Object, *object.Program) error) *cobra.Command {
	return &cobra.Command{
		Use:     what + " FILE [PROGRAM]…",
		Short:   short,
		Example: "  bpftime prog dump " + what + " latency.bpf.o\n  bpftime prog dump " + what + " latency.bpf.o on_entry",
		Args:    atLeast("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			spec, linked, err := objectFile(args[0])
			if err != nil {
				return err
			}
			names := args[1:]
			if len(names) == 0 {
				names = programNames(spec)
			}
			for i, name := range names {
				if i > 0 {
					fmt.Fprintln(c.OutOrStdout())
				}
				p, err := linked.Program(name)
				if err != nil {
					return err
				}
				if err := dump(c.OutOrStdout(), linked, p); err != nil {
					return err
				}
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return []cobra.Completion{"o"}, cobra.ShellCompDirectiveFilterFileExt
			}
			spec, err := object.LoadFile(args[0])
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return programNames(spec), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func programNames(spec *object.Spec) (out []string) {
	for _, p := range spec.Programs {
		out = append(out, p.Name)
	}
	return out
}

// A verdict is what became of one program of an object.
type verdict struct {
	File    string `json:"file"`
	Program string `json:"program"`
	Section string `json:"section"`
	Insns   int    `json:"insns"`
	Error   string `json:"error"`
	err     error
}

func verifyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "verify FILE…",
		Short:   "Load objects, link and verify their programs, as the agent will",
		Example: "  bpftime prog verify latency.bpf.o\n  bpftime prog verify *.bpf.o --json",
		Args:    atLeast("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			all := []verdict{}
			for _, file := range args {
				vs, err := verdicts(file)
				if err != nil {
					return err
				}
				all = append(all, vs...)
			}
			var err error
			if asJSON {
				err = printJSON(c.OutOrStdout(), map[string]any{"programs": all, "limits": verifier.Limits})
			} else {
				err = printVerdicts(c.OutOrStdout(), all)
			}
			for _, v := range all {
				if v.err != nil && err == nil {
					return &exitError{code: codeFailed}
				}
			}
			return err
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func verdicts(file string) (out []verdict, err error) {
	spec, linked, err := objectFile(file)
	if err != nil {
		return nil, err
	}
	for _, p := range spec.Programs {
		v := verdict{File: file, Program: p.Name, Section: p.SEC.Name}
		linkedProgram, err := linked.Program(p.Name)
		if err == nil {
			v.Insns = linkedProgram.Prog.NumSlots()
			_, err = linkedProgram.Verify(p.SEC.Context())
		}
		if err == nil && p.SEC.Kind == "" { // with a kind, a manifest can say where
			if _, err = p.SEC.AttachSpec(); err != nil {
				err = fmt.Errorf("%s: program %s: %w", file, p.Name, err)
			}
		}
		if v.err = err; err != nil {
			v.Error = err.Error()
		}
		out = append(out, v)
	}
	return out, nil
}

func printVerdicts(w io.Writer, all []verdict) error {
	t := show.Table{Columns: []string{"VERDICT", ">INSNS", "PROGRAM", "SECTION"}}
	for _, v := range all {
		word := "ok"
		if v.err != nil {
			word = "refused"
		}
		t.Add(word, v.Insns, v.Program, v.Section)
	}
	if err := t.Print(w); err != nil {
		return err
	}
	for _, v := range all {
		if v.err != nil {
			io.WriteString(w, show.Wrap("refused: ", v.Error))
		}
	}
	if verifier.Limits != "" {
		_, err := io.WriteString(w, show.Wrap("note: ", verifier.Limits))
		return err
	}
	return nil
}
