package main

import (
	"bufio"
	"io"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/session"
)

func traceCommand() *cobra.Command {
	var o streamOptions
	c := &cobra.Command{
		Use:   "trace",
		Short: "Lines that programs print with bpf_printk",
		Long: `Prints lines of bpf_printk as trace_pipe does: those that are there, and others
as they come while traced processes live; with --follow for ever.`,
		Example: "  bpftime trace\n  bpftime trace -s web --follow --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.run(c.OutOrStdout(), func(s *session.Session) ([]source, error) {
				return []source{&traceSource{s: s, r: s.FollowTrace()}}, nil
			})
		},
	}
	o.flags(c)
	return c
}

// moment is a time by the clocks of a session's records.
type moment struct {
	wall time.Time
	mono time.Duration // CLOCK_MONOTONIC
}

func now() moment {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return moment{time.Now(), 0}
	}
	return moment{time.Now(), time.Duration(ts.Nano())}
}

// traceSource is what programs print.
type traceSource struct {
	s     *session.Session
	r     *session.TraceReader
	since moment // nothing older
	lost  uint64
}

func (*traceSource) close() {}

type traceView struct {
	Session string `json:"session"`
	TimeNS  int64  `json:"time_ns"`
	PID     int    `json:"pid"`
	TID     int    `json:"tid"`
	CPU     int    `json:"cpu"`
	Comm    string `json:"comm"`
	Text    string `json:"text"`
}

func (t *traceSource) poll() (out []line) {
	for _, l := range t.r.Read() {
		if l.Time >= t.since.mono {
			out = append(out, newLine("trace", show.Clean(l.String())+"\n", traceView{t.s.Name(), int64(l.Time), l.PID, l.TID, l.CPU, l.Comm, l.Text}))
		}
	}
	return append(out, lostLine(t.s.Name(), "lines of bpf_printk", &t.lost, t.r.Lost())...)
}

// streamOptions are the flags of what streams.
type streamOptions struct {
	session        string
	follow, asJSON bool
}

func (o *streamOptions) flags(c *cobra.Command) {
	sessionFlag(c, &o.session, ", only this one")
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on when no traced process is left")
	c.Flags().BoolVar(&o.asJSON, "json", false, "JSON Lines, for programs")
}

// run prints what is there and what comes, until nobody is left who could add to it.
func (o *streamOptions) run(w io.Writer, sources func(*session.Session) ([]source, error)) error {
	open, err := chosenSessions(o.session)
	if err != nil {
		return err
	}
	defer closeAll(open)
	var all []source
	defer func() {
		for _, source := range all {
			source.close()
		}
	}()
	for _, s := range open {
		of, err := sources(s)
		if err != nil {
			return err
		}
		all = append(all, of...)
	}
	for {
		alive := o.follow || anyAliveIn(open) // before the last look
		printed, err := o.poll(w, all)
		switch {
		case err != nil:
			return err
		case printed: // there may be more
		case !alive:
			return nil
		default:
			time.Sleep(pollEvery)
		}
	}
}

// poll prints what is new, in one write.
func (o *streamOptions) poll(w io.Writer, sources []source) (printed bool, err error) {
	b := bufio.NewWriterSize(w, 64<<10)
	for _, source := range sources {
		for _, l := range source.poll() {
			printed = true
			if err := o.print(b, l); err != nil {
				return true, err
			}
		}
	}
	return printed, b.Flush()
}

func (o *streamOptions) print(w io.Writer, l line) error {
	if o.asJSON {
		return printJSON(w, l.view())
	}
	_, err := io.WriteString(w, l.text())
	return err
}

func anyAliveIn(open []*session.Session) bool {
	for _, s := range open {
		for _, p := range s.Processes() {
			if p.Alive() {
				return true
			}
		}
	}
	return false
}

type lostView struct {
	Session string `json:"session"`
	What    string `json:"what"`
	Lost    uint64 `json:"lost"`
}

// lostLine says what nobody will see any more, once.
func lostLine(session, what string, said *uint64, lost uint64) []line {
	if lost == *said {
		return nil
	}
	n := lost - *said
	*said = lost
	text := counted(int(n), "record") + " lost: " + what + " came faster than they were read\n"
	return []line{newLine("lost", text, lostView{session, what, n})}
}
