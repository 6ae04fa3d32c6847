package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/launch"
	"github.com/bpftime-go/bpftime/session"
)

// pollEvery is how often a session is looked at for something new.
const pollEvery = 50 * time.Millisecond

// A source is polled for what is new in a session.
type source interface {
	poll(out *output) error
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
	f := &follower{dir: s.dir, out: out, since: time.Now()}
	defer f.close()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case e := <-ended:
			f.poll()
			return e.code, e.err
		case <-tick.C:
			f.poll()
		}
	}
}

// A follower reads what is new in a session, which it opens as soon as it is there.
type follower struct {
	dir   string
	out   *output
	since time.Time
	s     *session.Session
	last  session.Record
}

func (f *follower) poll() {
	if f.s == nil {
		s, err := session.Open(f.dir)
		if err != nil {
			return // not there yet; the report says why if it stays so
		}
		f.s = s
	}
	f.log()
}

func (f *follower) close() {
	if f.s != nil {
		f.s.Close()
	}
}

// log prints what the agents say, but for the refusal of a link, which the report
// shows.
func (f *follower) log() {
	records := f.s.Records()
	for i := len(records) - 1; i >= 0; i-- {
		if records[i] == f.last {
			records = records[i+1:]
			break
		}
	}
	if len(records) == 0 {
		return
	}
	links := f.s.Links()
	for _, r := range records {
		f.last = r
		if r.Time.Before(f.since) || aboutLink(r, links) {
			continue
		}
		if f.out.asJSON {
			printJSON(f.out, map[string]any{"log": logView{r.Time, r.PID, r.Level, r.Text}})
			continue
		}
		fmt.Fprintf(f.out, "bpftime: [%d] %s: %s\n", r.PID, r.Level, r.Text)
	}
}

type logView struct {
	Time  time.Time `json:"time"`
	PID   int       `json:"pid"`
	Level string    `json:"level"`
	Text  string    `json:"text"`
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
