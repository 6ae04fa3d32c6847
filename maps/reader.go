package maps

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// A Map is a map file opened for reading.
type Map struct {
	spec  Spec
	mem   []byte
	owner uint32
}

// Open maps the file after its header was checked.
func Open(path string) (*Map, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("maps: %w", err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, fmt.Errorf("maps: %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("maps: %s: not a file", path)
	}
	h := make([]byte, abi.MAP_DATA_OFF)
	if _, err := f.ReadAt(h, 0); err != nil {
		return nil, fmt.Errorf("maps: %s: shorter than the header of a map: %w", path, err)
	}
	spec, err := parse(h, st.Size)
	if err != nil {
		return nil, fmt.Errorf("maps: %s: %w", path, err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, int(spec.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("maps: mapping %s: %w", path, err)
	}
	return &Map{spec, mem, st.Uid}, nil
}

func parse(h []byte, size int64) (Spec, error) {
	le := binary.LittleEndian
	if le.Uint64(h[abi.MAP_HDR_MAGIC:]) != abi.MAP_MAGIC || le.Uint32(h[abi.MAP_HDR_VERSION:]) != abi.MAP_VERSION {
		return Spec{}, fmt.Errorf("not a map of version %d", abi.MAP_VERSION)
	}
	s := Spec{Type: Type(le.Uint32(h[abi.MAP_HDR_TYPE:])), KeySize: le.Uint32(h[abi.MAP_HDR_KEY_SIZE:]),
		ValueSize: le.Uint32(h[abi.MAP_HDR_VALUE_SIZE:]), MaxEntries: le.Uint32(h[abi.MAP_HDR_MAX_ENTRIES:]), Flags: le.Uint32(h[abi.MAP_HDR_FLAGS:])}
	if err := s.check(); err != nil {
		return Spec{}, err
	}
	slots, stride := le.Uint32(h[abi.MAP_HDR_NSLOTS:]), le.Uint64(h[abi.MAP_HDR_STRIDE:])
	if slots != abi.SESSION_NLEASES || stride != s.Stride() || le.Uint64(h[abi.MAP_HDR_SIZE:]) != s.Size() || uint64(size) != s.Size() {
		return Spec{}, fmt.Errorf("%d bytes, %d slots of %d bytes; %d entries take %d slots of %d bytes", size, slots, stride, s.MaxEntries, abi.SESSION_NLEASES, s.Stride())
	}
	return s, nil
}

// Close unmaps the file.
func (m *Map) Close() error { return unix.Munmap(m.mem) }

// Spec is the map's definition.
func (m *Map) Spec() Spec { return m.spec }

// Sum adds up the 8-byte values of a key over all slots.
func (m *Map) Sum(key uint32) (sum uint64) {
	if key >= m.spec.MaxEntries || m.spec.ValueSize < 8 {
		return 0
	}
	for slot := range uint64(abi.SESSION_NLEASES) {
		sum += atomic.LoadUint64(word64(m.mem, uint64(m.spec.Offset(key))+slot*m.spec.Stride()))
	}
	return sum
}
