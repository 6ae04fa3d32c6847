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
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/maps/ringbuf"
	"github.com/bpftime-go/bpftime/session"
)

func eventsCommand() *cobra.Command {
	var o streamOptions
	c := &cobra.Command{
		Use:   "events [MAP]…",
		Short: "Records of ring buffers",
		Long: `Prints the records of ring buffers by their types: those that are there, and
others as they come while traced processes live; with --follow for ever. What
was printed is gone from the buffer, and a second reader is refused.
` + mapHelp,
		Example: "  bpftime events\n  bpftime events latency.events --follow\n  bpftime events -s web --json",
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c.OutOrStdout(), func(s *session.Session) ([]source, error) {
				e := newEventSource(s, args)
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
	return c
}

func ringNames(flag string) (out []string) {
	ms, err := openAllMaps(flag)
	if err != nil {
		return nil
	}
	defer closeMaps(ms)
	for _, m := range ms {
		if m.Spec().Type == maps.Ringbuf {
			out = append(out, m.name)
		}
	}
	return out
}

// eventSource reads the ring buffers of a session, also those that come later.
type eventSource struct {
	s       *session.Session
	only    []string // maps; empty: all
	leases  *ringbuf.Session
	rings   []*ring
	seen    map[string]bool // files
	changed time.Time       // of the directory, when it was last looked at
}

func newEventSource(s *session.Session, only []string) *eventSource {
	return &eventSource{s: s, only: only, seen: map[string]bool{}}
}

// A ring is one ring buffer that is being read.
type ring struct {
	*openMap
	reader *ringbuf.Reader
	types  recordTypes
	lost   uint64 // records, as told
}

func (e *eventSource) close() {
	for _, r := range e.rings {
		r.reader.Close()
		r.Close()
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
		if e.seen[m.name] || m.Spec().Type != maps.Ringbuf || !e.wants(m) {
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
	reader, err := ringbuf.Open(m.path, e.leases)
	if err != nil {
		return err
	}
	r := &ring{openMap: m, reader: reader, types: recordTypesOf(m.types, m.value)}
	r.lost = r.gone()
	e.rings = append(e.rings, r)
	return nil
}

// gone counts records that nobody will see.
func (r *ring) gone() uint64 { return r.reader.Dropped() + r.reader.Abandoned() }

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
		for range atOnce {
			record, ok, err := r.reader.Next()
			if err != nil {
				out = append(out, errorLine(fmt.Errorf("%s: %w", r.name, err)))
			}
			if !ok {
				break
			}
			out = append(out, r.line(record.Data))
		}
		out = append(out, lostLine(e.s.Name(), "records of "+r.name, &r.lost, r.gone())...)
	}
	return out
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
	Data    json.RawMessage `json:"data"`
	Size    int             `json:"size"`
}

func (r *ring) line(record []byte) line {
	v, t := r.types.decode(record)
	text := func() string { return show.Clean(r.shortName()+" "+show.Text(v)) + "\n" }
	if t == nil {
		text = func() string { return r.dump(record) }
	}
	view := func() any {
		e := eventView{Session: r.session, Map: r.name, Data: show.JSON(v), Size: len(record)}
		if t != nil {
			e.Type = typeName(t, uint32(len(record)))
		}
		return e
	}
	return line{"event", text, view}
}

// dump shows a record without a type.
func (r *ring) dump(record []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", show.Clean(r.shortName()), counted(len(record), "byte"))
	_ = show.Hexdump(&b, "  ", record)
	return b.String()
}
