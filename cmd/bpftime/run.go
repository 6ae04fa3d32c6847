package main

import (
	"errors"
	"os"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/launch"
	"github.com/bpftime-go/bpftime/config"
)

// codeRun is the exit code of run where it was not CMD that failed.
const codeRun = 125

// runOptions are the flags of run.
type runOptions struct {
	manifests, objects []string
	session, output    string
	asJSON             bool
}

func runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run [-m FILE]… [-o OBJ]… [-s SESSION] [--] CMD [ARG]…\n  bpftime run [-s SESSION] GADGET [ARG]… -- CMD [ARG]…",
		Short: "Start a program with the agent, and print what it finds",
		Long: `Start CMD with the agent and print what it finds: records of ring buffers and
lines of bpf_printk as they come, links and maps at the end. CMD keeps its
standard input, output and error; what is found goes to standard error too, or
to --output FILE.

What to attach is said by manifests (-m), by objects that clang -target bpf made
(-o), which say it themselves, or by a built-in gadget:

` + gadgetHelp() + `
Without a session's name, from -s, BPFTIME_SESSION or a manifest, the maps are
in a session of their own, which is removed at the end. A named one stays, and
is used again.

Exit code: that of CMD, or 128 and the number of the signal that ended it; 125
if bpftime failed, 126 if CMD cannot be executed, 127 if it was not found.`,
		Example: `  bpftime run funccount uprobe/libc:malloc uprobe/libc:free -- sort file
  bpftime run -o latency.bpf.o -- ./server --port 80
  bpftime run -m trace.yaml -s web nginx`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(o.manifests)+len(o.objects) == 0 && printGadgetHelp(c.OutOrStdout(), args) {
				return nil
			}
			return failedRun(run(o, args))
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 || len(o.manifests)+len(o.objects) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return withPrefix(gadgetNames(), word), cobra.ShellCompDirectiveDefault
		},
	}
	f := c.Flags()
	f.SetInterspersed(false) // what follows CMD is CMD's
	f.StringArrayVarP(&o.manifests, "manifest", "m", nil, "`FILE` that says what to attach (YAML)")
	f.StringArrayVarP(&o.objects, "object", "o", nil, "`OBJ`ect file, attached where its sections say")
	f.StringVar(&o.output, "output", "", "`FILE` for what is found, instead of standard error")
	sessionFlag(c, &o.session, " that stays, and is used again")
	c.Flags().BoolVar(&o.asJSON, "json", false, "JSON Lines, for programs")
	return c
}

// failedRun gives an error of run its exit code.
func failedRun(err error) error {
	var exit *exitError
	var program *launch.Error
	switch {
	case err == nil || errors.As(err, &exit):
		return err
	case errors.As(err, &program):
		return &exitError{program.Code, err}
	}
	return &exitError{codeRun, err}
}

// run starts CMD, watches it and reports. A nil error is CMD's exit code 0.
func run(o runOptions, args []string) error {
	m, argv, err := o.request(args)
	if err != nil {
		return err
	}
	agent, err := findAgent()
	if err != nil {
		return err
	}
	path, err := launch.Find(argv[0], os.Getenv("PATH"))
	if err != nil {
		return err
	}
	out, err := o.open()
	if err != nil {
		return err
	}
	defer out.close()
	s, err := openRunSession(o.session, m)
	if err != nil {
		return err
	}
	defer s.end()
	s.labels = labels(m)
	if s.tool, err = toolOf(m); err != nil {
		return err
	}
	env, err := s.environment(os.Environ(), agent, m)
	if err != nil {
		return err
	}
	obstacle := launch.Obstacle(path)
	if obstacle != "" {
		warn("warning: nothing will be traced: %s", obstacle)
	}
	return watch(s, out, path, argv, env)
}

// request is what to attach and what to start.
func (o runOptions) request(args []string) (*config.Manifest, []string, error) {
	if len(o.manifests)+len(o.objects) > 0 {
		if len(args) == 0 {
			return nil, nil, usage("run needs a program to start")
		}
		m, err := loadManifests(o.manifests, o.objects)
		return m, args, err
	}
	if len(args) == 0 {
		return nil, nil, usage("run needs something to attach, and a program: run funccount uprobe/libc:malloc -- CMD")
	}
	dash := slices.Index(args, "--")
	switch {
	case dash < 0 && isGadget(args[0]):
		return nil, nil, usage("run %s needs -- before the program to start: run %[1]s ARG… -- CMD", args[0])
	case dash < 0:
		return nil, nil, usage("run has nothing to attach: give it -m MANIFEST, -o OBJECT, or a gadget: run funccount uprobe/libc:malloc -- %s", args[0])
	case dash == len(args)-1:
		return nil, nil, usage("run needs a program to start behind --")
	}
	m, err := gadgetManifest(args[0], args[1:dash])
	return m, args[dash+1:], err
}

// watch runs CMD to its end and reports.
func watch(s *runSession, out *output, path string, argv, env []string) error {
	child, err := launch.Start(path, argv, env)
	if err != nil {
		return err
	}
	defer child.Release()
	code, err := follow(s, out, child)
	if err != nil {
		return err
	}
	go interruptible(child, s)
	if err := report(s, out, argv[0], code); err != nil && code == 0 {
		return err
	} else if err != nil {
		warn("%v", err)
	}
	if code != 0 {
		return &exitError{code: code}
	}
	return nil
}

// interruptible ends us by a signal that comes after CMD's end: the reader of our
// report may be stuck.
func interruptible(child *launch.Child, s *runSession) {
	for sig := range child.Signals() {
		n, ok := sig.(syscall.Signal)
		if !ok || n == syscall.SIGPIPE {
			continue
		}
		s.end()
		os.Exit(128 + int(n))
	}
}
