package session_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/session"
)

// traced is the directory of a session whose trace ring C has filled.
func traced(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command(writer, "trace", filepath.Join(dir, session.FileName)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// wholeLines are those of fill_traces that can be read.
func wholeLines() (lines []session.Trace) {
	for number, text := range map[int]string{
		0: "first", 1: "newline", 6: "longer than it can be", 7: "a?\nb", 8: "",
	} {
		l := session.Trace{Time: time.Duration(1234567890123 + number), PID: 10, TID: 11, CPU: 3, Comm: "worker", Text: text}
		if number == 7 {
			l.Comm = strings.Repeat("c", 16)
		}
		lines = append(lines, l)
	}
	return lines
}

func wantTrace(t *testing.T, got, want []session.Trace) {
	t.Helper()
	byTime := map[time.Duration]session.Trace{}
	for _, l := range want {
		byTime[l.Time] = l
	}
	last := time.Duration(0)
	for _, l := range got {
		if !reflect.DeepEqual(l, byTime[l.Time]) || l.Time <= last {
			t.Errorf("line %+v, want %+v, after %v", l, byTime[l.Time], last)
		}
		last = l.Time
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}

func TestTrace(t *testing.T) {
	wantTrace(t, open(t, traced(t)).Trace(), wholeLines())
}

// TestTraceHead: whatever stands in the header, no more is read than there is.
func TestTraceHead(t *testing.T) {
	for head, want := range map[uint64]int{0: 0, 1: 1, 3: 2, 7: 3, 9: 5, 512: 6, 513: 5, 1000: 1, 1<<64 - 1: 0, 1 << 63: 0} {
		dir := traced(t)
		change(t, dir, abi.SESSION_HDR_TRACE_HEAD, head)
		s := open(t, dir)
		if got := s.Trace(); len(got) != want {
			t.Errorf("with %d lines begun %d are read, want %d", head, len(got), want)
		}
		s.FollowTrace().Read()
	}
}

// TestFollowTrace: a reader waits for a line that is being written, but not for ever; then it goes on.
func TestFollowTrace(t *testing.T) {
	dir := traced(t)
	r := open(t, dir).FollowTrace()
	whole := wholeLines()
	first := r.Read()
	if len(first) != 2 || first[0].Text != "first" || first[1].Text != "newline" || len(r.Read()) != 0 || r.Lost() != 0 {
		t.Fatalf("first %+v, %d lost", first, r.Lost())
	}
	rest, err := r.Wait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	wantTrace(t, append(first, rest...), whole)
	if r.Lost() != 4 {
		t.Errorf("%d lost, want the unfinished, the torn ones and the overtaken", r.Lost())
	}
	change(t, dir, abi.SESSION_HDR_TRACE_HEAD, 10)
	if more := r.Read(); len(more) != 1 || more[0].Text != "afte" {
		t.Errorf("more %+v", more)
	}
	change(t, dir, abi.SESSION_HDR_TRACE_HEAD, 3)
	if more := r.Read(); len(more) != 0 {
		t.Errorf("after the head went back: %+v", more)
	}
}

// TestFollowTraceBehind: what the ring has lost meanwhile is counted.
func TestFollowTraceBehind(t *testing.T) {
	dir := traced(t)
	change(t, dir, abi.SESSION_HDR_TRACE_HEAD, 1)
	r := open(t, dir).FollowTrace()
	if n := len(r.Read()); n != 1 {
		t.Fatalf("%d lines", n)
	}
	change(t, dir, abi.SESSION_HDR_TRACE_HEAD, 2+abi.SESSION_NTRACES)
	r.Read()
	if r.Lost() != 1 {
		t.Errorf("%d lost, want 1: the next line is being written", r.Lost())
	}
}

func TestWaitEnds(t *testing.T) {
	dir := traced(t)
	change(t, dir, abi.SESSION_HDR_TRACE_HEAD, 0)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, cancel)
	if lines, err := open(t, dir).FollowTrace().Wait(ctx); !errors.Is(err, context.Canceled) || len(lines) != 0 {
		t.Errorf("%v, %v", lines, err)
	}
}

func TestTraceString(t *testing.T) {
	l := session.Trace{Time: 12*time.Second + 345_678_999, PID: 7, TID: 8, CPU: 1, Comm: "bash", Text: "said"}
	if got, want := l.String(), "            bash-8       [001] .....    12.345678: bpf_trace_printk: said"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
