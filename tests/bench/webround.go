package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// A round has one server for each case, each under a wrk of its own, and one of them runs at a time: the others are
// stopped, for so short a slice that what disturbs the machine disturbs all of them. Each round has new servers, so that how
// memory happened to be laid out in one is not taken for a cost.
const (
	webSeconds  = 3
	webSlice    = 8 * time.Millisecond   // of the worker's CPU time: on a busy machine others come first for longer than that
	webPatience = 100 * time.Millisecond // by the clock
)

// A webTurn is what one case has in one round.
type webTurn struct {
	c      *webCase
	server *webServer
	load   *wrkLoad
	tap    *webTap
	before time.Duration // of the worker's CPU time
	hits   uint64        // before
}

// webRound adds one figure to each case that has not failed. Only the first case's failure is an error.
func webRound(w *workshop, round int, cases []*webCase) error {
	var turns []*webTurn
	for i := range cases {
		c := cases[(i+round)%len(cases)]
		if c.err != nil {
			continue
		}
		t := &webTurn{c: c}
		if c.err = t.start(w); c.err != nil {
			c.err = errors.Join(c.err, t.end())
			continue
		}
		turns = append(turns, t)
	}
	for _, t := range turns {
		t.load, t.c.err = startWrk(w, t.server.url)
	}
	serveInTurns(turns)
	for _, t := range turns {
		if t.c.err == nil {
			t.c.err = t.finish(w)
		}
		t.c.err = errors.Join(t.c.err, t.end())
	}
	return cases[0].err
}

// start returns with the worker warm and stopped.
func (t *webTurn) start(w *workshop) error {
	env, err := t.c.env(w)
	if err != nil {
		return err
	}
	if t.c.tap != nil {
		if t.tap, err = t.c.tap(); err != nil {
			return fmt.Errorf("%w: %w", errAbsent, err)
		}
	}
	if t.server, err = startWebServer(w, t.c.session(), env); err != nil {
		return err
	}
	if err = t.server.pause(); err != nil {
		return err
	}
	if t.hits, err = t.count(w); err != nil {
		return err
	}
	t.before, err = processTime(t.server.worker)
	return err
}

// count is how often programs have run so far.
func (t *webTurn) count(w *workshop) (uint64, error) {
	switch {
	case t.tap != nil:
		return sum(t.tap.counts)
	case t.c.objects != "":
		return webHits(filepath.Join(w.rundir, t.c.session()))
	}
	return 0, nil
}

// serveInTurns lets one server run after the other, until wrk has had its time. Who fails has no turn any more.
func serveInTurns(turns []*webTurn) {
	live := slices.Clone(turns)
	for end := time.Now().Add(webSeconds * time.Second); time.Now().Before(end) && len(live) > 0; {
		live = slices.DeleteFunc(live, func(t *webTurn) bool {
			t.c.err = cmp.Or(t.c.err, t.serve())
			return t.c.err != nil
		})
	}
}

// serve is one slice.
func (t *webTurn) serve() error {
	if t.tap != nil {
		if err := t.tap.start(); err != nil {
			return fmt.Errorf("%w: %w", errAbsent, err)
		}
		defer t.tap.stop()
	}
	if err := syscall.Kill(t.server.worker, syscall.SIGCONT); err != nil {
		return err
	}
	return errors.Join(t.server.await(webSlice), t.server.pause())
}

// finish takes the figure, with the worker stopped.
func (t *webTurn) finish(w *workshop) error {
	requests, err := t.load.wait()
	t.load = nil
	if err != nil {
		return err
	}
	after, err := processTime(t.server.worker)
	if err != nil {
		return err
	}
	hits, err := t.count(w)
	t.c.hits += hits - t.hits
	t.c.served += requests
	t.c.cost = append(t.c.cost, float64((after-t.before).Nanoseconds())/1e3/float64(requests))
	return err
}

// end ends what has been started.
func (t *webTurn) end() error {
	var errs []error
	if t.load != nil {
		t.load.cmd.Process.Kill()
		t.load.cmd.Wait()
	}
	if t.server != nil {
		errs = append(errs, t.server.stop())
	}
	if t.tap != nil {
		errs = append(errs, t.tap.close())
	}
	return errors.Join(errs...)
}
