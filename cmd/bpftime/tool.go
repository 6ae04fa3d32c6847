package main

import (
	"fmt"
	"io"
	"time"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/tool"
	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/gadgets"
	"github.com/bpftime-go/bpftime/session"
)

// A toolRun is a run of nothing but a gadget that is named after a tool: it is shown as
// that tool shows it. It has a snoop or a counter.
type toolRun struct {
	snoop   tool.Snoop
	counter *tool.Syscount
	until   time.Time // nothing is shown of what comes later; zero: for ever
}

// toolOf is nil for every other run.
func toolOf(m *config.Manifest) (*toolRun, error) {
	if len(m.Objects) != 1 || m.Objects[0].Gadget == "" {
		return nil, nil
	}
	g, err := gadgets.Find(m.Objects[0].Gadget)
	if err != nil {
		return nil, err
	}
	o, ok, err := g.Options(m.Objects[0].Args)
	if !ok || err != nil {
		return nil, err
	}
	began := now()
	t := &toolRun{snoop: tool.NewSnoop(g.Name, o, began.clock)}
	if t.snoop == nil {
		t.counter = tool.NewSyscount(o, began.wall)
	}
	if o.Duration >= 0 {
		t.until = began.wall.Add(time.Duration(o.Duration) * time.Second)
	}
	return t, nil
}

// clock is the time of day of a program's time.
func (m moment) clock(ns uint64) time.Time { return m.wall.Add(time.Duration(ns) - m.mono) }

func (t *toolRun) over() bool { return !t.until.IsZero() && time.Now().After(t.until) }

func (t *toolRun) header() string {
	if t == nil || t.snoop == nil {
		return ""
	}
	return t.snoop.Header()
}

func rowLines(rows []tool.Row) (out []line) {
	for _, r := range rows {
		out = append(out, line{rowKind, func() string { return r.Text }, func() any { return r.JSON }})
	}
	return out
}

// rowKind is the kind of a line that stands for itself in JSON.
const rowKind = ""

// records makes rows of the records of a ring; others of the object's are none.
func (t *toolRun) record(v show.Value) []line {
	o, ok := v.(show.Object)
	if !ok || t.over() {
		return nil
	}
	return rowLines(t.snoop.Record(o))
}

// tick is what needs no record to be said.
func (t *toolRun) tick(s *session.Session) []line {
	switch at := time.Now(); {
	case t.snoop != nil:
		return rowLines(t.snoop.Tick(at))
	case t.counter.Due(at):
		return t.table(s, at)
	}
	return nil
}

// end is the rest.
func (t *toolRun) end(s *session.Session) []line {
	switch {
	case t.snoop != nil:
		return rowLines(t.snoop.End())
	case !t.counter.Over():
		return t.table(s, time.Now())
	}
	return nil
}

func (t *toolRun) table(s *session.Session, at time.Time) []line {
	ms, err := openMaps(s)
	if err != nil {
		return []line{errorLine(err)}
	}
	defer closeMaps(ms)
	var tallies []tool.Tally
	for _, m := range ms {
		if m.isCalled("counts") || m.isCalled("calls") {
			for _, e := range nonZero(m.entries()) {
				tallies = append(tallies, tally(e))
			}
		}
	}
	return rowLines(t.counter.Table(at, tallies))
}

// tally reads an entry of syscount's maps: a number, or struct calls.
func tally(e entry) (c tool.Tally) {
	key, _ := e.key.(uint64)
	c.Key = uint32(key)
	switch v := e.value.(type) {
	case uint64:
		c.Count = v
	case show.Object:
		c.Count, _ = v.Field("count").(uint64)
		c.TotalNS, _ = v.Field("total_ns").(uint64)
		c.Comm, _ = v.Field("comm").(string)
		list, _ := v.Field("latency_ns").(show.List)
		for _, n := range list {
			n, _ := n.(uint64)
			c.Latency = append(c.Latency, n)
		}
	}
	return c
}

// printTroubles says what the tool's output leaves out: each reason once.
func printTroubles(w io.Writer, links []linkView) {
	told := map[string]bool{"": true}
	for _, l := range links {
		if l.Misses > 0 {
			fmt.Fprintf(w, "bpftime: %s %s: %s, too many at once\n", l.Object, l.Spec, counted(int(l.Misses), "call")+" not seen")
		}
		if !told[l.Error] {
			io.WriteString(w, show.Wrap("bpftime: ", "not everything is seen: "+l.Error))
		}
		told[l.Error] = true
	}
}
