package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/launch"
	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/session"
)

// pollEvery is how often a session is looked at for something new.
const pollEvery = 50 * time.Millisecond

// A line is something that came while we watched.
type line struct {
	kind string        // log, trace, event, lost or error: its key in the JSON of run
	text func() string // for people, whole lines
	view func() any    // for programs
}

func newLine(kind, text string, view any) line {
	return line{kind, func() string { return text }, func() any { return view }}
}

// A source is asked again and again what is new.
type source interface {
	poll() []line
	close()
}

// follow prints what comes while CMD runs, and returns its exit code.
func follow(s *runSession, out *output, child *launch.Child) (int, error) {
	type end struct {
		code int
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		code, err := child.Wait()
		ended <- end{code, err}
	}()
	f := &follower{dir: s.dir, out: out, since: now(), tool: s.tool}
	defer f.close()
	if !out.asJSON {
		io.WriteString(out, s.tool.header())
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case e := <-ended:
			f.drain()
			f.end()
			return e.code, e.err
		case <-tick.C:
			for n := 0; n < busyPolls && f.poll(); n++ { // a ring that fills fast is not left alone
			}
		}
	}
}

// busyPolls is how often a busy session is polled before we look whether CMD has ended.
const busyPolls = 64

// A follower prints what is new in a session, which it opens as soon as it is there.
type follower struct {
	dir     string
	out     *output
	since   moment
	s       *session.Session
	sources []source
	tool    *toolRun
}

// poll prints what is new, and reports whether there was anything.
func (f *follower) poll() bool {
	if f.s == nil {
		s, err := session.Open(f.dir)
		if err != nil {
			return false // not there yet; the report says why if it stays so
		}
		f.s = s
		f.sources = []source{&logSource{s: s, since: f.since}, &traceSource{s: s, r: s.FollowTrace(), since: f.since}, newEventSource(s, nil, f.tool)}
	}
	var b bytes.Buffer // one write for all
	for _, source := range f.sources {
		for _, l := range source.poll() {
			f.print(&b, l)
		}
	}
	came := b.Len() > 0
	if f.tool != nil {
		for _, l := range f.tool.tick(f.s) {
			f.print(&b, l)
		}
	}
	if b.Len() > 0 {
		f.out.Write(b.Bytes())
	}
	return came
}

// end prints what a tool has kept until now.
func (f *follower) end() {
	if f.tool == nil || f.s == nil {
		return
	}
	for _, l := range f.tool.end(f.s) {
		f.print(f.out, l)
	}
}

// drain prints what is left when CMD has ended. What it left behind may go on for ever;
// we do not.
func (f *follower) drain() {
	for end := time.Now().Add(time.Second); f.poll() && time.Now().Before(end); {
	}
}

func (f *follower) print(w io.Writer, l line) {
	switch {
	case f.out.asJSON && l.kind == rowKind:
		if v := l.view(); v != nil {
			printJSON(w, v)
		}
		return
	case f.out.asJSON:
		printJSON(w, map[string]any{l.kind: l.view()})
		return
	}
	io.WriteString(w, l.text())
}

func (f *follower) close() {
	for _, source := range f.sources {
		source.close()
	}
	if f.s != nil {
		f.s.Close()
	}
}

// logSource is what the agents say, but for the refusal of a link, which the report
// shows.
type logSource struct {
	s     *session.Session
	since moment
	last  session.Record
}

func (*logSource) close() {}

type logView struct {
	Time  time.Time `json:"time"`
	PID   int       `json:"pid"`
	Level string    `json:"level"`
	Text  string    `json:"text"`
}

func (l *logSource) poll() (out []line) {
	records := l.s.Records()
	for i := len(records) - 1; i >= 0; i-- {
		if records[i] == l.last {
			records = records[i+1:]
			break
		}
	}
	if len(records) == 0 {
		return nil
	}
	links := l.s.Links()
	for _, r := range records {
		l.last = r
		if r.Time.Before(l.since.wall) || aboutLink(r, links) {
			continue
		}
		text := show.Clean(fmt.Sprintf("bpftime: [%d] %s: %s\n", r.PID, r.Level, r.Text))
		out = append(out, newLine("log", text, logView{r.Time, r.PID, r.Level, r.Text}))
	}
	return out
}

// aboutLink tells a record that says why a link was refused.
func aboutLink(r session.Record, links []session.Link) bool {
	for _, l := range links {
		if l.Error != "" && strings.HasPrefix(r.Text, l.Object+" "+l.Name+": ") {
			return true
		}
	}
	return false
}
