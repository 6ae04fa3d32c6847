package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTour: an object from clang on a program that knows nothing of it, in one command:
// records, printed lines, links and every map, for people and for programs.
func TestTour(t *testing.T) {
	u := newUser(t)
	u.tourObject()
	victim(t, "calls", "calls.c")
	r := u.must("run", "-o", "tour.bpf.o", "calls")
	if r.stdout != "out\n" {
		t.Errorf("standard output %q", r.stdout)
	}
	u.golden("tour.txt", r.stderr)
	r = u.must("run", "--json", "--output", "report", "-o", "tour.bpf.o", "calls")
	b, err := os.ReadFile(filepath.Join(u.dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	u.golden("tour.json", string(b))
}

// TestTourManifest: constants and sizes that a manifest sets, and where it attaches.
func TestTourManifest(t *testing.T) {
	u := newUser(t)
	u.tourObject()
	victim(t, "calls", "calls.c")
	u.write("m.yaml", `
objects:
  - path: tour.bpf.o
    attach: {on_a64l: uretprobe/libc:a64l}
    rodata: {verbose: 0}
    maps: {calls: {max_entries: 1, shared: true}}
`)
	r := u.must("run", "-m", "m.yaml", "calls")
	for _, want := range []string{"\ncalls  hash of 1, 1 used\n  {comm: \"calls\", kind: RETURN}: {calls: 5, last: 3}\n", "     5       0      1  return-a  tour.on_a64l uretprobe/libc:a64l\n\n", "events {number: 5, kind: RETURN"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("no %q in\n%s", want, r.stderr)
		}
	}
	if strings.Contains(r.stderr, "a64l returned") {
		t.Errorf("verbose is not 0:\n%s", r.stderr)
	}
}

// preloaded runs the victim with the agent as one does without this command.
func (u *user) preloaded() {
	u.t.Helper()
	u.write("m.yaml", "session: web\nobjects: [{path: tour.bpf.o}]\n")
	cmd := u.command()
	cmd.Path, cmd.Args = victim(u.t, "calls", "calls.c"), []string{"calls"}
	cmd.Env = append(cmd.Env, "LD_PRELOAD="+filepath.Join(bin, agentName), "BPFTIME_MANIFEST="+filepath.Join(u.dir, "m.yaml"))
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "out\nerr\n" {
		u.t.Fatalf("%v: %s", err, out)
	}
}

// TestEvents: records are there after the process has ended, once; printed lines stay.
func TestEvents(t *testing.T) {
	u := newUser(t)
	u.tourObject()
	u.preloaded()
	u.golden("trace.txt", u.must("trace").stdout)
	u.golden("trace.txt", u.must("trace", "-s", "web").stdout)
	u.golden("trace.json", u.must("trace", "--json").stdout)
	u.golden("events.txt", u.must("events").stdout)
	if again := u.must("events"); again.stdout+again.stderr != "" {
		t.Errorf("read twice: %s%s", again.stdout, again.stderr)
	}
	u.preloaded()
	if other := u.must("events", "others"); other.stdout != "" {
		t.Errorf("of another map: %s", other.stdout)
	}
	u.golden("events.json", u.must("events", "-s", "web", "tour.events", "--json").stdout)
	if err := os.RemoveAll(filepath.Join(u.rundir, "web", "btf")); err != nil {
		t.Fatal(err)
	}
	u.preloaded()
	if err := os.RemoveAll(filepath.Join(u.rundir, "web", "btf")); err != nil {
		t.Fatal(err)
	}
	u.golden("events-untyped.txt", u.must("events").stdout)
}

// TestEventsFollow: a follower prints what comes from processes that start later, and a
// second one is refused.
func TestEventsFollow(t *testing.T) {
	u := newUser(t)
	u.tourObject()
	u.preloaded()
	w := &watched{t: t, cmd: u.command("events", "--follow", "--json")}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.startWith(out, "")
	for n := range 24 {
		if n == 12 {
			u.preloaded()
		}
		line, err := w.lines.ReadString('\n')
		var got struct{ Data struct{ Number int } }
		if err != nil || json.Unmarshal([]byte(line), &got) != nil || got.Data.Number != n+1 {
			t.Fatalf("record %d: %q, %v", n, line, err)
		}
	}
	r := u.run("events")
	if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "somebody else reads this ring: ") {
		t.Errorf("exit code %d, standard output %q, error %s", r.code, r.stdout, r.stderr)
	}
	r = u.must("run", "-s", "web", "-o", "tour.bpf.o", "calls")
	if !strings.Contains(r.stderr, "somebody else reads this ring: ") || !strings.Contains(r.stderr, "    21       0      3  jump      tour.on_getppid uprobe/libc:getppid\n") {
		t.Errorf("%s", r.stderr)
	}
	if err := w.cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, code := w.end(); code != 130 {
		t.Errorf("exit code %d", code)
	}
}

// TestFollowEnds: without --follow reading ends when the last traced process does.
func TestFollowEnds(t *testing.T) {
	u := newUser(t)
	victim(t, "signals", "signals.c")
	run := &watched{t: t, cmd: u.command("run", "-s", "web", "--output", "report", "funccount", "uprobe/libc:pause", "--", "signals")}
	out, err := run.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	run.start(out)
	ended := make(chan result, 1)
	go func() { ended <- u.run("trace") }()
	select {
	case r := <-ended:
		t.Errorf("reading has ended while a process lives: %+v", r)
	case <-time.After(300 * time.Millisecond):
	}
	if err := run.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	run.want("term")
	run.end()
	if r := <-ended; r.code != 0 || r.stdout != "" {
		t.Errorf("%+v", r)
	}
}

// TestNothingToRead: there is no session, or not the one that was asked for.
func TestNothingToRead(t *testing.T) {
	u := newUser(t)
	for args, want := range map[string]string{
		"events":        "no sessions in DIR/rundir: start a program with bpftime run -s NAME",
		"trace":         "no sessions in DIR/rundir: start a program with bpftime run -s NAME",
		"map list":      "no sessions in DIR/rundir: start a program with bpftime run -s NAME",
		"trace -s web":  `no session "web" in DIR/rundir`,
		"ps -s web":     `no session "web" in DIR/rundir`,
		"map dump x":    "no sessions in DIR/rundir: start a program with bpftime run -s NAME",
		"events -s web": `no session "web" in DIR/rundir`,
	} {
		if r := u.run(strings.Fields(args)...); r.code != 1 || r.stdout != "" || u.normal(r.stderr) != "bpftime: "+want+"\n" {
			t.Errorf("%s: exit code %d, standard output %q, error %s", args, r.code, r.stdout, u.normal(r.stderr))
		}
	}
	if got := u.must("ps").stdout; got != "no sessions: start a program with bpftime run -s NAME\n" {
		t.Errorf("ps: %s", got)
	}
	if got := u.must("ps", "--json").stdout; got != "{\"sessions\":[]}\n" {
		t.Errorf("ps --json: %s", got)
	}
	if got := u.must("prog", "list", "--json").stdout; got != "{\"programs\":[]}\n" {
		t.Errorf("prog list --json: %s", got)
	}
}
