package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/session"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "What this machine and user can do, and fixes for the rest",
		Long: `Looks at everything that tracing depends on, and traces /bin/true as a test. It
needs no privilege and changes nothing. Exit code 1 if something fails that
tracing needs.`,
		Example: "  bpftime doctor\n  bpftime doctor --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			findings := examine()
			if asJSON {
				if err := printJSON(c.OutOrStdout(), map[string]any{"checks": findings}); err != nil {
					return err
				}
			} else if err := printFindings(c.OutOrStdout(), findings); err != nil {
				return err
			}
			for _, f := range findings {
				if f.Status == statusFail {
					return &exitError{code: codeFailed}
				}
			}
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// A finding is what one check found, and what to do about it.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Found  string `json:"found"`
	Fix    string `json:"fix"`
}

const (
	statusOK   = "ok"
	statusWarn = "warn" // something does not work that most do without
	statusFail = "fail" // nothing can be traced
)

func ok(found string, args ...any) finding {
	return finding{Status: statusOK, Found: fmt.Sprintf(found, args...)}
}

func bad(status, fix, found string, args ...any) finding {
	return finding{Status: status, Fix: fix, Found: fmt.Sprintf(found, args...)}
}

// examine runs every check, the test last.
func examine() []finding {
	var out []finding
	for _, c := range []struct {
		name  string
		check func() finding
	}{
		{"system", checkSystem},
		{"agent", checkAgent},
		{"C library", checkLibc},
		{"run directory", checkRunDir},
		{"space", checkSpace},
		{"limits", checkLimits},
		{"memfd", checkMemfd},
		{"/proc/self/mem", checkSelfMem},
		{"seccomp", checkSeccomp},
		{"ptrace", checkPtrace},
		{"kernel eBPF", checkKernelBPF},
		{"test", checkByTracing},
	} {
		f := c.check()
		f.Check = c.name
		out = append(out, f)
	}
	return out
}

func printFindings(w io.Writer, findings []finding) error {
	for _, f := range findings {
		text := show.Wrap(fmt.Sprintf("%-4s  %-14s  ", f.Status, f.Check), f.Found)
		if f.Fix != "" {
			text += show.Wrap(fmt.Sprintf("%22sfix: ", ""), f.Fix)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// testProgram is dynamic and calls testSpec on every Linux.
const (
	testProgram = "/bin/true"
	testSpec    = "uprobe/libc:exit"
)

// checkByTracing does what run does.
func checkByTracing() finding {
	hits, err := traceTest()
	switch {
	case err != nil:
		return bad(statusFail, "see the checks above", "tracing %s: %v", testProgram, err)
	case hits == 0:
		return bad(statusFail, "run it with BPFTIME_LOG=debug", "tracing %s: its call of exit was not counted", testProgram)
	}
	return ok("%s was traced: exit was called once", testProgram)
}

func traceTest() (hits uint64, err error) {
	agent, err := findAgent()
	if err != nil {
		return 0, err
	}
	rundir, err := runDir()
	if err != nil {
		return 0, err
	}
	m, err := gadgetManifest("funccount", []string{testSpec})
	if err != nil {
		return 0, err
	}
	rs, err := ownSession(rundir)
	if err != nil {
		return 0, err
	}
	defer rs.end()
	env, err := rs.environment(os.Environ(), agent, m)
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(testProgram)
	cmd.Env = env
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		return 0, fmt.Errorf("%v: %s", cmd.ProcessState, bytes.TrimSpace(said))
	}
	return countedIn(rs.dir)
}

func countedIn(dir string) (uint64, error) {
	s, err := session.Open(dir)
	if err != nil {
		return 0, fmt.Errorf("the agent did not start: %w", err)
	}
	defer s.Close()
	links, log := viewLinks(s), s.Log()
	switch {
	case len(links) > 0 && links[0].Error != "":
		return 0, fmt.Errorf("%s: %s", links[0].Spec, links[0].Error)
	case len(links) > 0:
		return links[0].Hits, nil
	case len(log) > 0:
		return 0, fmt.Errorf("nothing was attached: %s", log[len(log)-1])
	}
	return 0, errors.New("nothing was attached")
}
