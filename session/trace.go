package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// A Trace is a line that a program printed, by bpf_trace_printk or bpf_trace_vprintk.
type Trace struct {
	Time time.Duration // CLOCK_MONOTONIC where the program ran
	PID  int           // the process
	TID  int           // the thread, which trace_pipe calls PID
	CPU  int
	Comm string // of the thread
	Text string // without a newline at its end
}

// String is the line as /sys/kernel/tracing/trace_pipe has it. The five flags of the
// kernel's context say nothing here.
func (t Trace) String() string {
	us := t.Time.Microseconds()
	return fmt.Sprintf("%16s-%-7d [%03d] ..... %5d.%06d: bpf_trace_printk: %s", t.Comm, t.TID, t.CPU, us/1e6, us%1e6, t.Text)
}

// Trace returns what the ring still holds, oldest first. A line that is being
// written is left out, and so is one whose writer died over it.
func (s *Session) Trace() []Trace {
	head := s.u64(abi.SESSION_HDR_TRACE_HEAD)
	var out []Trace
	for n := head - min(head, abi.SESSION_NTRACES); n < head; n++ {
		if t, state := s.trace(n); state == traceWhole {
			out = append(out, t)
		}
	}
	return out
}

type traceState int

const (
	traceWhole traceState = iota
	tracePending
	traceLost
)

// trace reads line n. Its record holds another line, or parts of two, when writers
// have come around the ring.
func (s *Session) trace(n uint64) (Trace, traceState) {
	at := abi.SESSION_TRACES_OFF + int(n%abi.SESSION_NTRACES)*abi.SESSION_TRACE_SIZE
	seq := s.u64(at + abi.TRACE_SEQ)
	switch {
	case seq > n+1:
		return Trace{}, traceLost
	case seq < n+1:
		return Trace{}, tracePending
	}
	b := bytes.Clone(s.mem[at : at+abi.SESSION_TRACE_SIZE])
	if s.u64(at+abi.TRACE_SEQ) != seq || traceSum(b, seq) != binary.LittleEndian.Uint64(b[abi.TRACE_SUM:]) {
		return Trace{}, traceLost
	}
	return parseTrace(b), traceWhole
}

func traceLen(b []byte) int {
	return int(min(binary.LittleEndian.Uint32(b[abi.TRACE_LEN:]), abi.TRACE_TEXT_SIZE))
}

// traceSum is trace_sum of internal/native/bpf_printk.c.
func traceSum(b []byte, seq uint64) uint64 {
	end := abi.TRACE_TEXT + (traceLen(b)+7)&^7
	sum := seq
	for at := abi.TRACE_TIME; at < end; at += 8 {
		sum = (sum ^ binary.LittleEndian.Uint64(b[at:])) * abi.TRACE_SUM_FACTOR
		sum ^= sum >> 32
	}
	return sum
}

func parseTrace(b []byte) Trace {
	word := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	text := func(b []byte) string {
		b, _, _ = bytes.Cut(b, []byte{0})
		return strings.ToValidUTF8(string(b), "?")
	}
	return Trace{
		Time: time.Duration(binary.LittleEndian.Uint64(b[abi.TRACE_TIME:])),
		PID:  word(abi.TRACE_TGID), TID: word(abi.TRACE_PID), CPU: word(abi.TRACE_CPU),
		Comm: text(b[abi.TRACE_COMM : abi.TRACE_COMM+16]),
		Text: strings.TrimSuffix(text(b[abi.TRACE_TEXT:abi.TRACE_TEXT+traceLen(b)]), "\n"),
	}
}

// A TraceReader reads lines as they come, in the order in which they were begun.
// Reading takes nothing away: each reader sees all lines.
type TraceReader struct {
	s    *Session
	next uint64
	lost uint64
	late uint64    // lines below were begun long ago
	mark uint64    // lines below were begun before
	at   time.Time // this
}

// traceDeadline is how long a line may be in the making before the reader goes on
// without it. It takes microseconds: the writer is stopped, and is likely dead.
const traceDeadline = 200 * time.Millisecond

// FollowTrace returns a reader that begins with the oldest line the ring holds.
func (s *Session) FollowTrace() *TraceReader {
	head := s.u64(abi.SESSION_HDR_TRACE_HEAD)
	return &TraceReader{s: s, next: head - min(head, abi.SESSION_NTRACES), mark: head, at: time.Now()}
}

// Lost counts the lines that were gone before they were read, or never whole.
func (r *TraceReader) Lost() uint64 { return r.lost }

// Read returns the lines that are there and were not returned yet.
func (r *TraceReader) Read() (lines []Trace) {
	for head := r.look(); r.next < head; r.next++ {
		t, state := r.s.trace(r.next)
		switch {
		case state == traceWhole:
			lines = append(lines, t)
		case state == tracePending && r.next >= r.late:
			return lines
		default:
			r.lost++
		}
	}
	return lines
}

// look returns how many lines were begun, and passes over those that are gone.
func (r *TraceReader) look() uint64 {
	head := r.s.u64(abi.SESSION_HDR_TRACE_HEAD)
	if now := time.Now(); now.Sub(r.at) >= traceDeadline {
		r.late, r.mark, r.at = r.mark, head, now
	}
	r.next = min(r.next, head)
	if gone := head - r.next; gone > abi.SESSION_NTRACES {
		r.lost += gone - abi.SESSION_NTRACES
		r.next = head - abi.SESSION_NTRACES
	}
	return head
}

// Wait is Read, but waits until there is something. The error is ctx's.
func (r *TraceReader) Wait(ctx context.Context) ([]Trace, error) {
	const poll = 20 * time.Millisecond
	for {
		if lines := r.Read(); len(lines) > 0 {
			return lines, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(poll):
		}
	}
}
