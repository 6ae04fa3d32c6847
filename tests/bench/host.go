package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// host is the running process of c/host.c.
type host struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// startHost returns once the host is ready: all that is preloaded has been applied, and its own trampolines are in place.
func startHost(w *workshop, env []string) (*host, error) {
	cmd := exec.CommandContext(w.ctx, w.path("host"), fmt.Sprint(w.o.cpu))
	cmd.Env = env
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &host{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	if _, err := h.read("ready"); err != nil {
		h.stop()
		return nil, err
	}
	return h, nil
}

// stop ends the host and says how it ended: a host that crashed is an error, also after it gave all its answers.
func (h *host) stop() error {
	h.in.Close()
	if err := h.cmd.Wait(); err != nil {
		return fmt.Errorf("host: %w", err)
	}
	return nil
}

func (h *host) say(format string, args ...any) error {
	_, err := fmt.Fprintf(h.in, format+"\n", args...)
	return err
}

// read returns the next line, which must begin with word, without that word.
func (h *host) read(word string) (string, error) {
	if !h.out.Scan() {
		return "", fmt.Errorf("host: ended where %q was expected", word)
	}
	line := h.out.Text()
	rest, found := strings.CutPrefix(line, word)
	if !found {
		return "", fmt.Errorf("host: answered %q where %q was expected", line, word)
	}
	return strings.TrimSpace(rest), nil
}

// check has the site called; an error is a wrong result. It returns the hits that the host's own trampoline counted.
func (h *host) check(site string, calls uint64) (hits uint64, err error) {
	if err := h.say("check %d %s", calls, site); err != nil {
		return 0, err
	}
	line, err := h.read("checked " + site)
	if err != nil {
		return 0, err
	}
	var wrong uint64
	if _, err := fmt.Sscan(line, &wrong, &hits); err != nil {
		return 0, fmt.Errorf("host: checked %s: %w", line, err)
	}
	if wrong != 0 {
		return hits, fmt.Errorf("%d of %d calls returned a wrong result", wrong, calls)
	}
	return hits, nil
}

// timing is the answer to one time command.
type timing struct {
	samples map[string]*series
	calls   map[string]uint64 // made while timing, by site
	best    float64           // reference level of a quiet core
}

// time has the sites timed. What some of them need before each sample, prepare does.
func (h *host) time(o options, sites []string, prepare func(string) error) (timing, error) {
	t := timing{samples: map[string]*series{}, calls: map[string]uint64{}}
	if err := h.say("time %d %d %s", o.rounds, o.wait, strings.Join(sites, " ")); err != nil {
		return t, err
	}
	for t.best == 0 {
		line, err := h.read("")
		if err != nil {
			return t, err
		}
		if name, found := strings.CutPrefix(line, "prepare "); found {
			err = cmp.Or(prepare(name), h.say("prepared"))
		} else {
			err = t.take(line)
		}
		if err != nil {
			return t, fmt.Errorf("host: %q: %w", line, err)
		}
	}
	return t, nil
}

// take reads one line of the answer.
func (t *timing) take(line string) error {
	var site string
	var round int
	var ns, reference float64
	var calls uint64
	if n, _ := fmt.Sscanf(line, "sample %s %d %f %f", &site, &round, &ns, &reference); n == 4 {
		seriesOf(t.samples, site).add(ns, reference)
		return nil
	}
	if n, _ := fmt.Sscanf(line, "calls %s %d", &site, &calls); n == 2 {
		t.calls[site] = calls
		return nil
	}
	_, err := fmt.Sscanf(line, "timed %f", &t.best)
	return err
}

func seriesOf(m map[string]*series, name string) *series {
	if m[name] == nil {
		m[name] = &series{}
	}
	return m[name]
}
