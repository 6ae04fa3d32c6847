package applier

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// A sessionFile is a session's file, to be read and changed behind the agent's back.
type sessionFile struct {
	t testing.TB
	f *os.File
}

func openSession(t testing.TB, tr *host.Trace) sessionFile {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(tr.Path(), "session"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return sessionFile{t, f}
}

func (s sessionFile) read(at, n int) []byte {
	s.t.Helper()
	b := make([]byte, n)
	if _, err := s.f.ReadAt(b, int64(at)); err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s sessionFile) write(at int, b []byte) {
	s.t.Helper()
	if _, err := s.f.WriteAt(b, int64(at)); err != nil {
		s.t.Fatal(err)
	}
}

func (s sessionFile) u32(at int) uint32 { return binary.LittleEndian.Uint32(s.read(at, 4)) }
func (s sessionFile) u64(at int) uint64 { return binary.LittleEndian.Uint64(s.read(at, 8)) }

func (s sessionFile) put64(at int, v uint64) { s.write(at, binary.LittleEndian.AppendUint64(nil, v)) }

// A holder is what stands in a process slot.
type holder struct {
	state, pid uint32
	start      uint64
	pidns      uint64
}

func procAt(i int) int  { return abi.SESSION_PROCS_OFF + i*abi.SESSION_PROC_SIZE }
func leaseAt(i int) int { return abi.SESSION_LEASES_OFF + i*abi.SESSION_LEASE_SIZE }

func (s sessionFile) putHolder(i int, h holder) {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, h.state)
	b = le.AppendUint32(b, h.pid)
	b = le.AppendUint64(b, h.start)
	s.write(procAt(i), le.AppendUint64(b, h.pidns))
}

func (s sessionFile) holder(i int) holder {
	at := procAt(i)
	return holder{s.u32(at + abi.PROC_STATE), s.u32(at + abi.PROC_PID), s.u64(at + abi.PROC_START), s.u64(at + abi.PROC_PIDNS)}
}

// leases counts the leases of each owner; 0 is nobody.
func (s sessionFile) leases() map[uint64]int {
	n := map[uint64]int{}
	for i := range abi.SESSION_NLEASES {
		n[s.u64(leaseAt(i)+abi.LEASE_OWNER)]++
	}
	return n
}

// openLinks returns the session's links in their order: their names may be cut, so that they are no keys.
func openLinks(t *testing.T, tr *host.Trace) []host.Link {
	t.Helper()
	s, err := session.Open(tr.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Links()
}
