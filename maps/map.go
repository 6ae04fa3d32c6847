package maps

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// A Map is an open map file. Its methods may be called from several goroutines.
type Map struct {
	spec  Spec
	mem   []byte
	owner uint32
	name  string
	layout
	seed uint64

	placed []byte // an arena's pages, where its users have them

	file   *os.File // of a writer, for flock
	writer sync.Mutex
}

// Open opens a map for reading.
func Open(path string) (*Map, error) { return open(path, false) }

// OpenWriter opens a map for reading and writing.
func OpenWriter(path string) (*Map, error) { return open(path, true) }

func open(path string, write bool) (*Map, error) {
	mode, protection := os.O_RDONLY, unix.PROT_READ
	if write {
		mode, protection = os.O_RDWR, unix.PROT_READ|unix.PROT_WRITE
	}
	f, err := os.OpenFile(path, mode|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("maps: %w", err)
	}
	m, err := mapFile(f, protection)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("maps: %s: %w", path, err)
	}
	m.name = filepath.Base(path)
	if write {
		m.file = f
		return m, nil
	}
	return m, f.Close()
}

// mapFile maps a file after its header was checked.
func mapFile(f *os.File, protection int) (*Map, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("not a file")
	}
	h := make([]byte, abi.MAP_DATA_OFF)
	if _, err := f.ReadAt(h, 0); err != nil {
		return nil, fmt.Errorf("shorter than the header of a map: %w", err)
	}
	spec, err := readHeader(h, st.Size)
	if err != nil {
		return nil, err
	}
	m := &Map{spec: spec, owner: st.Uid, layout: spec.layout(), seed: binary.LittleEndian.Uint64(h[abi.MAP_HDR_SEED:])}
	if m.mem, err = unix.Mmap(int(f.Fd()), 0, int(m.size), protection, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("mapping %d bytes: %w", m.size, err)
	}
	return m, nil
}

// Close unmaps the file. What was read from it stays valid.
func (m *Map) Close() error {
	if m.mem == nil {
		return nil
	}
	err := errors.Join(m.leavePlace(), unix.Munmap(m.mem))
	m.mem = nil
	if m.file != nil {
		if e := m.file.Close(); err == nil {
			err = e
		}
	}
	return err
}

// Spec is the map's definition.
func (m *Map) Spec() Spec { return m.spec }

// Memory is the file. Other processes write there at any time, so it is read and
// written with atomic operations.
func (m *Map) Memory() []byte { return m.mem }

// Misses counts values that had no place: a lease got no block, or a ring was full.
// Busy counts operations given up because others changed the same chain or ring all
// the time.
func (m *Map) Misses() uint64 { return m.counter(abi.MAP_CTL_MISSES) }
func (m *Map) Busy() uint64   { return m.counter(abi.MAP_CTL_BUSY) }

func (m *Map) counter(at uint64) uint64 {
	if m.control == 0 {
		return 0
	}
	return m.u64(m.control + at)
}

func (m *Map) u64(at uint64) uint64      { return atomic.LoadUint64(word64(m.mem, at)) }
func (m *Map) put64(at uint64, v uint64) { atomic.StoreUint64(word64(m.mem, at), v) }
func (m *Map) cas(at, old, new uint64) bool {
	return atomic.CompareAndSwapUint64(word64(m.mem, at), old, new)
}

// read copies n bytes, word by word; at is 8-aligned. Many bytes are copied as fast as
// can be, because they are copied again when they were replaced meanwhile.
func (m *Map) read(at uint64, n uint32) []byte {
	if n > 128 {
		return bytes.Clone(m.mem[at : at+uint64(n)])
	}
	out := make([]byte, padded(n))
	for i := 0; i < len(out); i += 8 {
		binary.LittleEndian.PutUint64(out[i:], m.u64(at+uint64(i)))
	}
	return out[:n:n]
}

// write is the inverse: whole words, what follows the bytes there is zero.
func (m *Map) write(at uint64, b []byte) {
	for i := 0; i < len(b); i += 8 {
		var word [8]byte
		copy(word[:], b[i:])
		m.put64(at+uint64(i), binary.LittleEndian.Uint64(word[:]))
	}
}

// fail names the map in an error. errno is the kernel's for what went wrong.
func (m *Map) fail(what string, errno unix.Errno) error {
	return fmt.Errorf("maps: %s: %s: %w", m.name, what, errno)
}
