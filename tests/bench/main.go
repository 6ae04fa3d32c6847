// Command bench measures what probes cost, beside the best that is possible and what the kernel does, in one run.
//
// Protocol. The driver compiles the C and assembly in c/ with gcc into a directory of its own and starts one host process
// that holds every variant of the function under test. Three parties put probes on it, each on sites of its own:
// the agent, preloaded, before the host's main; the host itself, writing jumps to its hand-written trampolines; and the
// driver, which attaches the kernel's uprobes from outside once the host has said "ready". Then the driver has every site
// called a known number of times and compares results and hits (the agent's from its session, the host's from its own
// counters, the kernel's from its run statistics). A site whose count is wrong is reported as failed and never timed: a
// probe that is not there must not become a fast row. The sites that are left are timed interleaved, and afterwards the
// counts must still be exact. Where programs use maps, the driver fills them before, sees to the other end of a ring before
// each sample, and asks the programs' own counters whether a use ever failed: such a row is failed too. The host ends when its standard input does; a deadline ends it in any case.
//
// Start-up and memory are measured on programs of the system, /bin/true and sleep, under several environments, interleaved
// in the same way, and with the same rule: without the expected hit there is no figure. A web server is measured under load in
// pairs: each round starts it once in every variant, all of these serve in turns of some milliseconds, and what a variant adds is
// told from the same round without it.
//
// The driver prints one table a group and, with --json, writes all of it to a file. A row that cannot be measured on this
// machine or by this user says why and is no error. The exit status is 1 when something that should work did not.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// deadline bounds the whole run: nothing it starts outlives it.
const deadline = 15 * time.Minute

// options are what the command line chooses.
type options struct {
	agent  string // path of libbpftime-agent.so; empty: its rows say that none was given
	json   string // file to write the report to; empty: none
	cpu    int    // everything timed runs on this one
	rounds int    // rounds of the probe table; the others are derived from it
	wait   int    // seconds that each table may wait for a quiet core
	only   string // the one table to make; empty: all
}

// A measurement is made as a whole: its groups are sampled together.
type measurement struct {
	name    string
	measure func(*workshop) ([]Group, error)
}

// measurements are all, in this order.
var measurements = []measurement{
	{"hot", measureHot}, {"cold", measureCold}, {"helpers", measureHelpers}, {"calls", measureCalls}, {"web", measureWeb},
	{"startup", measureStartup}, {"memory", measureMemory},
}

func parseOptions(args []string) (options, error) {
	var o options
	var short bool
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.agent, "agent", "", "the agent to measure: `PATH` of libbpftime-agent.so")
	flags.StringVar(&o.json, "json", "", "write the figures to `FILE` as JSON")
	flags.IntVar(&o.cpu, "cpu", runtime.NumCPU()-1, "run what is timed on this `CPU`")
	flags.StringVar(&o.only, "only", "", "measure this `TABLE` only: hot, cold, helpers, calls, web, startup or memory")
	flags.BoolVar(&short, "short", false, "few rounds, less than a minute: shows that it works")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.only != "" && !slices.ContainsFunc(measurements, func(m measurement) bool { return m.name == o.only }) {
		return o, fmt.Errorf("there is no table %q", o.only)
	}
	o.rounds, o.wait = 60, 30
	if short {
		o.rounds, o.wait = 10, 8
	}
	return o, nil
}

func main() {
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, prints and writes. Its error says what should have worked and did not, after everything else was reported.
func run(ctx context.Context, o options) error {
	w, err := newWorkshop(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()
	machine, err := describeMachine(w)
	if err != nil {
		return err
	}
	report := Report{Machine: machine, Agent: describeAgent(w.o.agent)}
	report.print(os.Stdout)
	for _, m := range measurements {
		if o.only != "" && o.only != m.name {
			continue
		}
		groups, err := m.measure(w)
		if err != nil {
			groups = append(groups, brokenGroup(err))
		}
		for _, g := range groups {
			g.print(os.Stdout)
		}
		report.Groups = append(report.Groups, groups...)
	}
	if err := report.write(o.json); err != nil {
		return err
	}
	return report.failures()
}
