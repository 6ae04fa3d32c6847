// Package session reads and makes session directories.
//
// Protocol. A session is a directory $RUNDIR/NAME, mode 0700, that belongs to one
// user: `session`, one file of fixed slots (processes, links, leases, log,
// counters; layout in internal/abi), and `maps/`. Traced processes write to the
// file through a shared mapping, with atomics for what several of them change and
// plain stores for what a lease owns; readers come and go, need no agent, and
// outlive the processes. A file is made under a temporary name, given its blocks,
// then linked into place, so whoever opens it finds it whole.
//
// What is read is hostile input: another process may write it at any moment.
// Every index and length is bounded, strings end where their field ends.
package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// A Session is the session file of a directory, mapped for reading.
type Session struct {
	dir string
	mem []byte
}

// FileName is the name of the session file in a session's directory.
const FileName = "session"

// Open maps the session in dir. The error says what is wrong with the file.
func Open(dir string) (*Session, error) {
	path := filepath.Join(dir, FileName)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() != abi.SESSION_SIZE {
		return nil, fmt.Errorf("session: %s: no session file of this version: %v with %d bytes, expected is a file of %d", path, info.Mode(), info.Size(), abi.SESSION_SIZE)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, abi.SESSION_SIZE, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("session: mapping %s: %w", path, err)
	}
	s := &Session{dir, mem}
	magic, version, size := s.u64(abi.SESSION_HDR_MAGIC), s.u32(abi.SESSION_HDR_VERSION), s.u64(abi.SESSION_HDR_SIZE)
	if magic != abi.SESSION_MAGIC || version != abi.SESSION_VERSION || size != abi.SESSION_SIZE {
		s.Close()
		return nil, fmt.Errorf("session: %s: no session file of version %d: magic %#x, version %d, size %d: remove it, or use another session", path, abi.SESSION_VERSION, magic, version, size)
	}
	return s, nil
}

// Close unmaps the file; what was read stays valid.
func (s *Session) Close() error { return unix.Munmap(s.mem) }

// Dir is the session's directory, Name its last element.
func (s *Session) Dir() string  { return s.dir }
func (s *Session) Name() string { return filepath.Base(s.dir) }

func (s *Session) u32(at int) uint32 { return atomic.LoadUint32(word32(s.mem, at)) }
func (s *Session) u64(at int) uint64 { return atomic.LoadUint64(word64(s.mem, at)) }

func (s *Session) text(at, size int) string {
	b, _, _ := bytes.Cut(bytes.Clone(s.mem[at:at+size]), []byte{0})
	return strings.ToValidUTF8(string(b), "?")
}

// A Link is one program at one specification, with its counters over all
// processes of the session, dead ones included.
type Link struct {
	Object  string // gadget or object and program
	Name    string // the specification as it was written
	Kind    uint32 // abi.LINK_*
	Hits    uint64 // programs run
	Misses  uint64 // not run: nested in a program of ours, or no lease was free
	Sites   uint32 // sites patched, over all processes
	Tactic  string // how, "" before the first site
	Refused uint32 // sites refused
	Error   string // reason of the last refusal
}

// Links returns the session's links in the order they were made.
func (s *Session) Links() []Link {
	var out []Link
	for i := range abi.SESSION_NLINKS {
		at := abi.SESSION_LINKS_OFF + i*abi.SESSION_LINK_SIZE
		if s.u32(at+abi.LINK_STATE) != abi.SLOT_LIVE {
			continue
		}
		object, name, _ := strings.Cut(s.text(at+abi.LINK_NAME, abi.LINK_NAME_SIZE), " ")
		out = append(out, Link{
			Object: object, Name: name,
			Kind:    s.u32(at + abi.LINK_KIND),
			Hits:    s.hits(i),
			Misses:  s.u64(at + abi.LINK_MISSES),
			Sites:   s.u32(at + abi.LINK_SITES),
			Tactic:  TacticName(s.u32(at + abi.LINK_TACTIC)),
			Refused: s.u32(at + abi.LINK_REFUSED),
			Error:   s.text(at+abi.LINK_WHY, abi.LINK_WHY_SIZE),
		})
	}
	return out
}

// hits folds a link's counters: one per lease, each written by its holder alone.
func (s *Session) hits(link int) (sum uint64) {
	for lease := range abi.SESSION_NLEASES {
		sum += s.u64(abi.SESSION_COUNTERS_OFF + lease*abi.SESSION_COUNTER_STRIDE + link*8)
	}
	return sum
}

// TacticName names a set of tactics, as in "jump+return-a".
func TacticName(set uint32) string {
	var names []string
	for _, t := range []struct {
		bit  uint32
		name string
	}{
		{abi.TACTIC_JUMP, "jump"}, {abi.TACTIC_PADDING, "padding"}, {abi.TACTIC_SHORT, "short"}, {abi.TACTIC_EVICT, "evict"}, {abi.TACTIC_PUN, "pun"},
		{abi.TACTIC_TRAP, "trap"},
		{abi.TACTIC_RETURN_A, "return-a"}, {abi.TACTIC_RETURN_B, "return-b"}, {abi.TACTIC_RETURN_C, "return-c"},
		{abi.TACTIC_RETURN_D, "return-d"},
	} {
		if set&t.bit != 0 {
			names = append(names, t.name)
		}
	}
	return strings.Join(names, "+")
}

// A Process is a traced process that lives, or died without being replaced.
type Process struct {
	PID    int    // in its own PID namespace; 0: a forked child whose libc does not tell
	Start  uint64 // clock ticks since boot, 0: a forked child
	PIDNS  uint64 // inode of /proc/PID/ns/pid
	UID    uint32
	Forked bool // took its slot at its first hit, after a fork
	Comm   string
	Exe    string // its end, when longer than a slot has room for
	// Uncovered is how many threads and children of it began without dispatch, where system
	// calls are complete: those of theirs that are not rewritten are not seen.
	Uncovered uint64
}

// Processes returns the processes that hold a slot.
func (s *Session) Processes() []Process {
	var out []Process
	for i := range abi.SESSION_NPROCS {
		at := abi.SESSION_PROCS_OFF + i*abi.SESSION_PROC_SIZE
		if s.u32(at+abi.PROC_STATE) != abi.SLOT_LIVE {
			continue
		}
		out = append(out, Process{
			PID: int(s.u32(at + abi.PROC_PID)), Start: s.u64(at + abi.PROC_START), PIDNS: s.u64(at + abi.PROC_PIDNS),
			UID: s.u32(at + abi.PROC_UID), Forked: s.u32(at+abi.PROC_FLAGS)&abi.PROC_FORKED != 0,
			Comm: s.text(at+abi.PROC_COMM, 16), Exe: s.text(at+abi.PROC_EXE, abi.PROC_EXE_SIZE),
			Uncovered: s.u64(at + abi.PROC_UNCOVERED),
		})
	}
	return out
}

// A Record is one line of the session's log.
type Record struct {
	Time  time.Time
	PID   int
	Level string
	Text  string
}

func (r Record) String() string {
	return fmt.Sprintf("%s [%d] %s: %s", r.Time.Format("2006-01-02 15:04:05.000"), r.PID, r.Level, r.Text)
}

// Records returns what the ring still holds, oldest first. A record that is being
// written is left out.
func (s *Session) Records() []Record {
	head := s.u64(abi.SESSION_HDR_LOG_HEAD)
	var out []Record
	for seq := head - min(head, abi.SESSION_NLOGS); seq < head; seq++ {
		if r, ok := s.record(seq); ok {
			out = append(out, r)
		}
	}
	return out
}

var levels = [...]string{"off", "error", "warn", "info", "debug"}

func (s *Session) record(seq uint64) (Record, bool) {
	at := abi.SESSION_LOGS_OFF + int(seq%abi.SESSION_NLOGS)*abi.SESSION_LOG_SIZE
	if s.u64(at+abi.LOG_SEQ) != seq+1 {
		return Record{}, false
	}
	b := bytes.Clone(s.mem[at : at+abi.SESSION_LOG_SIZE])
	if s.u64(at+abi.LOG_SEQ) != seq+1 {
		return Record{}, false
	}
	n := min(binary.LittleEndian.Uint32(b[abi.LOG_LEN:]), abi.LOG_TEXT_SIZE)
	level := min(binary.LittleEndian.Uint32(b[abi.LOG_LEVEL:]), uint32(len(levels)-1))
	return Record{
		Time:  time.Unix(0, int64(binary.LittleEndian.Uint64(b[abi.LOG_TIME:]))),
		PID:   int(binary.LittleEndian.Uint32(b[abi.LOG_PID:])),
		Level: levels[level],
		Text:  strings.ToValidUTF8(string(b[abi.LOG_TEXT:abi.LOG_TEXT+n]), "?"),
	}, true
}

// Log returns the records as lines.
func (s *Session) Log() []string {
	var out []string
	for _, r := range s.Records() {
		out = append(out, r.String())
	}
	return out
}
