package gadgets

import (
	"fmt"
	"math"

	"github.com/bpftime-go/bpftime/config"
)

// The gadgets that are named after a tool of the kernel's (bcc's libbpf-tools).

var (
	pidOption  = numberOption('p', "pid", "PID", func(o *Options) *int64 { return &o.PID }, "only calls of this process")
	uidOption  = numberOption('u', "uid", "UID", func(o *Options) *int64 { return &o.UID }, "only those of this user")
	nameOption = textOption('n', "name", "NAME", func(o *Options) *string { return &o.Name }, "only those of commands with this in their name")
	stopOption = numberOption('d', "duration", "SECONDS", func(o *Options) *int64 { return &o.Duration }, "nothing is shown after so long; CMD runs on")
)

var opensnoopOptions = []option{
	pidOption,
	numberOption('t', "tid", "TID", func(o *Options) *int64 { return &o.TID }, "only calls of this thread"),
	uidOption, nameOption,
	flagOption('x', "failed", func(o *Options) *bool { return &o.Failed }, "only what failed"),
	flagOption('e', "extended-fields", func(o *Options) *bool { return &o.Extended }, "with flags and mode, in octal"),
	flagOption('T', "timestamp", func(o *Options) *bool { return &o.Timestamp }, "with the time of day"),
	flagOption('U', "print-uid", func(o *Options) *bool { return &o.ShowUID }, "with the user"),
	stopOption,
}

var execsnoopOptions = []option{
	uidOption, nameOption,
	textOption('l', "line", "TEXT", func(o *Options) *string { return &o.Line }, "only those with this among their arguments"),
	flagOption('x', "fails", func(o *Options) *bool { return &o.Failed }, "also what failed"),
	numberOption(0, "max-args", "N", func(o *Options) *int64 { return &o.MaxArgs }, "arguments shown, 20 if not given, 60 at most"),
	flagOption('q', "quote", func(o *Options) *bool { return &o.Quote }, "with quotation marks around arguments"),
	flagOption('T', "time", func(o *Options) *bool { return &o.Time }, "with the time of day"),
	flagOption('t', "timestamp", func(o *Options) *bool { return &o.Timestamp }, "with seconds since the first"),
	flagOption('U', "print-uid", func(o *Options) *bool { return &o.ShowUID }, "with the user"),
	stopOption,
}

var syscountOptions = []option{
	pidOption,
	flagOption('L', "latency", func(o *Options) *bool { return &o.Latency }, "with the time they took"),
	flagOption('H', "histogram", func(o *Options) *bool { return &o.Histogram }, "with these times as histograms"),
	flagOption('m', "milliseconds", func(o *Options) *bool { return &o.Milliseconds }, "times in milliseconds, not microseconds"),
	flagOption('P', "process", func(o *Options) *bool { return &o.ByProcess }, "by process, not by call"),
	flagOption('x', "failures", func(o *Options) *bool { return &o.Failed }, "only what failed"),
	{letter: 'e', long: "errno", arg: "ERRNO", errno: true, number: func(o *Options) *int64 { return &o.Errno }, help: "only what failed so: 2, or ENOENT"},
	numberOption('T', "top", "N", func(o *Options) *int64 { return &o.Top }, "rows shown, 10 if not given, 0: all"),
	numberOption('i', "interval", "SECONDS", func(o *Options) *int64 { return &o.Interval }, "a table each so many seconds"),
	stopOption,
}

// constant is a number to set, which is left as it is where none was given.
func constant(name string, n int64) []config.Constant {
	if n < 0 {
		return nil
	}
	return []config.Constant{{Name: name, Value: uint64(n)}}
}

func truth(name string, yes bool) []config.Constant {
	if !yes {
		return nil
	}
	return []config.Constant{{Name: name, Value: true}}
}

func join(lists ...[]config.Constant) (out []config.Constant) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

func expandOpensnoop(args []string) (Setup, error) {
	o, err := parseOptions(args, opensnoopOptions)
	return Setup{Rodata: join(constant("only_pid", o.PID), constant("only_tid", o.TID), constant("only_uid", o.UID), truth("only_failed", o.Failed))}, err
}

func expandExecsnoop(args []string) (Setup, error) {
	o, err := parseOptions(args, execsnoopOptions)
	if err == nil && (o.MaxArgs == 0 || o.MaxArgs > 60) {
		err = fmt.Errorf("--max-args %d is not between 1 and 60", o.MaxArgs)
	}
	return Setup{Rodata: join(constant("only_uid", o.UID), constant("max_args", o.MaxArgs))}, err
}

// expandSyscount chooses what is counted where. Nobody pays for both ends of a call whom
// one tells enough.
func expandSyscount(args []string) (Setup, error) {
	o, err := parseOptions(args, syscountOptions)
	if err != nil {
		return Setup{}, err
	}
	timed := o.Latency || o.Histogram
	s := Setup{Rodata: join(constant("only_pid", o.PID), constant("only_errno", o.Errno), truth("only_failed", o.Failed), truth("by_process", o.ByProcess), truth("timed", timed))}
	switch {
	case timed:
		s.Programs = []config.Program{at("enter", allCalls("sys_enter")), at("leave", allCalls("sys_exit"))}
	case o.Failed || o.Errno >= 0:
		s.Programs = []config.Program{at("leave", allCalls("sys_exit"))}
	case o.ByProcess:
		s.Programs = []config.Program{at("count_process", allCalls("sys_enter"))}
	default:
		s.Programs = []config.Program{at("count", allCalls("sys_enter"))}
	}
	return s, nil
}

func allCalls(event string) config.Spec {
	return config.Spec{Kind: config.Tracepoint, Category: "raw_syscalls", Event: event}
}

func at(program string, spec config.Spec) config.Program {
	return config.Program{Program: program, At: []config.Attachment{{Spec: spec}}}
}

// Options are what the arguments of a gadget that is named after a tool ask for; ok is
// false for others.
func (g *Gadget) Options(args []string) (o Options, ok bool, err error) {
	if g.options == nil {
		return o, false, nil
	}
	o, err = parseOptions(args, g.options)
	if o.Top < 0 {
		o.Top = 10
	}
	if o.Top == 0 {
		o.Top = math.MaxInt32
	}
	return o, true, err
}
