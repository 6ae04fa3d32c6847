package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps/ringbuf"
	"github.com/bpftime-go/bpftime/session"
)

func eventsCommand() *cobra.Command {
	var o streamOptions
	var typ string
	c := &cobra.Command{
		Use:   "events [MAP]…",
		Short: "Records of ring and perf buffers",
		Long: `Prints the records of ring buffers and perf event arrays by their types: those
that are there, and others as they come while traced processes live; with
--follow for ever. What was printed is gone from the buffer, and a second
reader is refused. --type says what records are where the object does not.
` + mapHelp,
		Example: "  bpftime events\n  bpftime events latency.events --follow\n  bpftime events -s web --type event --json",
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c.OutOrStdout(), func(s *session.Session) ([]source, error) {
				e := newEventSource(s, args, nil)
				e.typ = typ
				if err := e.look(); err != nil {
					e.close()
					return nil, err
				}
				return []source{e}, nil
			})
		},
		ValidArgsFunction: func(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return withPrefix(ringNames(o.session), word), cobra.ShellCompDirectiveNoFileComp
		},
	}
	o.flags(c)
	c.Flags().StringVar(&typ, "type", "", "the struct that records are, by its name in the object")
	return c
}

func ringNames(flag string) (out []string) {
	ms, err := openAllMaps(flag)
	if err != nil {
		return nil
	}
	defer closeMaps(ms)
	for _, m := range ms {
		if m.Spec().Type.IsRing() {
			out = append(out, m.name)
		}
	}
	return out
}

// eventSource reads the ring buffers of a session, also those that come later.
type eventSource struct {
	s       *session.Session
	only    []string // maps; empty: all
	typ     string   // of their records; "": as the objects say
	leases  *ringbuf.Session
	rings   []*ring
	seen    map[string]bool // files
	changed time.Time       // of the directory, when it was last looked at
	tool    *toolRun        // that makes rows of records; nil: they are shown as they are
}

func newEventSource(s *session.Session, only []string, tool *toolRun) *eventSource {
	return &eventSource{s: s, only: only, seen: map[string]bool{}, tool: tool}
}

// A ring is one ring buffer that is being read.
type ring struct {
	*openMap
	reader   *ringbuf.Reader
	recorder *ringbuf.Recorder // instead, of a flight recorder
	types    recordTypes
	lost     uint64 // records, as told
}

// next are the records that have come, at most so many of a reader's.
func (r *ring) next(most int) (out []ringbuf.Record, err error) {
	if r.recorder != nil {
		return r.recorder.Next(), nil
	}
	for range most {
		record, ok, err := r.reader.Next()
		if err != nil || !ok {
			return out, err
		}
		out = append(out, record)
	}
	return out, nil
}

func (r *ring) close() {
	if r.recorder != nil {
		r.recorder.Close()
	} else {
		r.reader.Close()
	}
	r.Close()
}

func (e *eventSource) close() {
	for _, r := range e.rings {
		r.close()
	}
	if e.leases != nil {
		e.leases.Close()
	}
}

// look opens the rings that were not there before.
func (e *eventSource) look() error {
	info, err := os.Stat(filepath.Join(e.s.Dir(), "maps"))
	if err != nil || info.ModTime().Equal(e.changed) {
		return nil // nothing was attached yet
	}
	e.changed = info.ModTime()
	ms, err := openMaps(e.s)
	if err != nil {
		return err
	}
	for _, m := range ms {
		if e.seen[m.name] || !m.Spec().Type.IsRing() || !e.wants(m) {
			m.Close()
			continue
		}
		e.seen[m.name] = true
		if err := e.open(m); err != nil {
			m.Close()
			return err
		}
	}
	return nil
}

func (e *eventSource) open(m *openMap) error {
	if e.leases == nil {
		leases, err := ringbuf.OpenSession(e.s.Dir())
		if err != nil {
			return err
		}
		e.leases = leases
	}
	types, err := m.recordTypes(e.typ)
	if err != nil {
		return err
	}
	r := &ring{openMap: m, types: types}
	if ringbuf.IsRecorder(m.Spec()) {
		r.recorder, err = ringbuf.OpenRecorder(m.path)
	} else {
		r.reader, err = ringbuf.Open(m.path, e.leases)
	}
	if err != nil {
		return err
	}
	r.lost = r.gone()
	e.rings = append(e.rings, r)
	return nil
}

// gone counts records that nobody will see.
func (r *ring) gone() uint64 {
	if r.recorder != nil {
		return r.recorder.Dropped() + r.recorder.Gone()
	}
	return r.reader.Dropped() + r.reader.Abandoned()
}

func (e *eventSource) wants(m *openMap) bool {
	for _, name := range e.only {
		if m.isCalled(name) {
			return true
		}
	}
	return len(e.only) == 0
}

// atOnce bounds what is printed of one ring before the others have their turn.
const atOnce = 4096

func (e *eventSource) poll() (out []line) {
	if err := e.look(); err != nil {
		out = append(out, errorLine(err))
	}
	for _, r := range e.rings {
		records, err := r.next(atOnce)
		for _, record := range records {
			out = append(out, e.lines(r, record)...)
		}
		if err != nil {
			out = append(out, errorLine(fmt.Errorf("%s: %w", r.name, err)))
		}
		out = append(out, lostLine(e.s.Name(), "records of "+r.name, &r.lost, r.gone())...)
	}
	return out
}

func (e *eventSource) lines(r *ring, rec ringbuf.Record) []line {
	if e.tool == nil {
		return []line{r.line(rec)}
	}
	v, _ := r.types.decode(rec.Data)
	return e.tool.record(v)
}

func errorLine(err error) line {
	return newLine("error", show.Clean("bpftime: "+err.Error()+"\n"), errorView{err.Error()})
}

type errorView struct {
	Error string `json:"error"`
}

type eventView struct {
	Session string          `json:"session"`
	Map     string          `json:"map"`
	Type    string          `json:"type"`
	CPU     *int            `json:"cpu,omitempty"` // of a perf_event_array
	Data    json.RawMessage `json:"data"`
	Size    int             `json:"size"`
}

func (r *ring) line(rec ringbuf.Record) line {
	record := rec.Data
	v, t := r.types.decode(record)
	text := func() string { return show.Clean(r.heading(rec)+" "+show.Text(v)) + "\n" }
	if t == nil {
		text = func() string { return r.dump(rec) }
	}
	view := func() any {
		e := eventView{Session: r.session, Map: r.name, Data: show.JSON(v), Size: len(record)}
		if t != nil {
			e.Type = typeName(t, uint32(len(record)))
		}
		if rec.CPU >= 0 {
			e.CPU = &rec.CPU
		}
		return e
	}
	return line{"event", text, view}
}

// heading says where a record is from: events, or with the CPU, events [003].
func (r *ring) heading(rec ringbuf.Record) string {
	if rec.CPU < 0 {
		return r.shortName()
	}
	return fmt.Sprintf("%s [%03d]", r.shortName(), rec.CPU)
}

// dump shows a record without a type.
func (r *ring) dump(rec ringbuf.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", show.Clean(r.heading(rec)), counted(len(rec.Data), "byte"))
	_ = show.Hexdump(&b, "  ", rec.Data)
	return b.String()
}
