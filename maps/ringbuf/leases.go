package ringbuf

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/session"
)

// Leases tells who holds the leases of a session and what ran under them.
type Leases interface {
	Owner(lease int) uint64      // 0: nobody; else as in the session file
	Hits(lease, link int) uint64 // programs run for a link
	Dead(owner uint64) bool      // sure to be gone
}

// A suspect is a record that is not submitted, as it looked when it was first met.
type suspect struct {
	met         bool
	owner, hits uint64
}

// isOver: has the run that reserved the record at the read position ended? id is its
// lease, and if known its link and the number of its run.
func (r *Reader) isOver(id uint32, known bool) bool {
	if r.leases == nil {
		return false
	}
	lease := int(id >> abi.RING_HDR_LEASE & (abi.SESSION_NLEASES - 1))
	link, run := int(id>>abi.RING_HDR_LINK&(abi.SESSION_NLINKS-1)), uint64(id>>abi.RING_HDR_RUN)
	owner, hits := r.leases.Owner(lease), r.allHits(lease)
	if !r.waited.met {
		r.waited = suspect{true, owner, hits}
	}
	switch {
	case owner == 0 || owner != r.waited.owner || hits != r.waited.hits || r.leases.Dead(owner):
		return true
	default:
		return known && r.leases.Hits(lease, link)&0x7fff != run
	}
}

func (r *Reader) allHits(lease int) (sum uint64) {
	for link := range abi.SESSION_NLINKS {
		sum += r.leases.Hits(lease, link)
	}
	return sum
}

// A Session is the Leases of a session's file.
type Session struct {
	mem   []byte
	pidns uint64
}

// OpenSession maps the session file of a directory.
func OpenSession(dir string) (*Session, error) {
	s, err := session.Open(dir) // checks it
	if err != nil {
		return nil, err
	}
	defer s.Close()
	f, err := os.OpenFile(filepath.Join(dir, session.FileName), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("ringbuf: %w", err)
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, abi.SESSION_SIZE, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("ringbuf: %s: %w", f.Name(), err)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		st.Ino = 0
	}
	return &Session{mem, st.Ino}, nil
}

// Close unmaps the file.
func (s *Session) Close() error { return unix.Munmap(s.mem) }

func (s *Session) word(at int) uint64 { return atomic.LoadUint64(word64(s.mem, uint64(at))) }

// Owner is the owner's word of a lease.
func (s *Session) Owner(lease int) uint64 {
	return s.word(abi.SESSION_LEASES_OFF + lease*abi.SESSION_LEASE_SIZE + abi.LEASE_OWNER)
}

// Hits counts a link's programs under a lease.
func (s *Session) Hits(lease, link int) uint64 {
	return s.word(abi.SESSION_COUNTERS_OFF + lease*abi.SESSION_COUNTER_STRIDE + link*8)
}

// Dead tells whether the owner of a lease is gone for sure. Who has borrowed one is not
// known, so it is gone when every process of the session is.
func (s *Session) Dead(owner uint64) bool {
	if owner>>63 == 0 {
		return owner > 0 && owner <= abi.SESSION_NPROCS && s.deadProcess(int(owner)-1)
	}
	for slot := range abi.SESSION_NPROCS {
		if s.word(abi.SESSION_PROCS_OFF+slot*abi.SESSION_PROC_SIZE)&abi.SLOT_STATE != abi.SLOT_FREE && !s.deadProcess(slot) {
			return false
		}
	}
	return true
}

func (s *Session) deadProcess(slot int) bool {
	at := abi.SESSION_PROCS_OFF + slot*abi.SESSION_PROC_SIZE
	state := s.word(at)
	p := session.Process{PID: int(state >> 32), Start: s.word(at + abi.PROC_START), PIDNS: s.word(at + abi.PROC_PIDNS)}
	if uint32(state) != abi.SLOT_LIVE || p.PID <= 0 || p.PIDNS != s.pidns || s.pidns == 0 {
		return false
	}
	if p.Alive() {
		return false
	}
	// A thread group lives on when its leader has ended.
	threads, _ := os.ReadDir("/proc/" + strconv.Itoa(p.PID) + "/task")
	return len(threads) <= 1 && s.word(at) == state
}
