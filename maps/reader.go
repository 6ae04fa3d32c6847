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
	spec Spec
	mem  []byte
}

// Open maps the file after its header was checked.
func Open(path string) (*Map, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("maps: %w", err)
	}
	defer f.Close()
	h := make([]byte, abi.MAP_DATA_OFF)
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("maps: %w", err)
	}
	if _, err := f.ReadAt(h, 0); err != nil {
		return nil, fmt.Errorf("maps: %s: shorter than the header of a map: %w", path, err)
	}
	spec, err := parse(h, info.Size())
	if err != nil {
		return nil, fmt.Errorf("maps: %s: %w", path, err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, int(spec.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("maps: mapping %s: %w", path, err)
	}
	return &Map{spec, mem}, nil
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
	if le.Uint32(h[abi.MAP_HDR_NSLOTS:]) != abi.SESSION_NLEASES || uint64(size) != s.Size() {
		return Spec{}, fmt.Errorf("%d bytes do not hold %d slots of %d bytes", size, abi.SESSION_NLEASES, s.Stride())
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
