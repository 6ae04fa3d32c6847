package maps

import (
	"fmt"
	"math/bits"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// IsRing tells the types that package ringbuf reads: records of programs, no keys.
func (t Type) IsRing() bool { return t == Ringbuf || t == PerfEventArray }

// HasRecords tells the types that hold records, and no keys and values.
func (t Type) HasRecords() bool { return t.IsRing() || t == UserRingbuf }

// What a perf_event_array has for records. In the kernel the one who reads chooses it,
// 256 KiB for a CPU in most tools. All CPUs share one ring here, so it is not fuller
// than any of theirs would be.
const (
	perfRoom = 64 << 10
	minPerf  = 512 << 10
	maxPerf  = 4 << 20
)

func (s Spec) ringLayout(l *layout) {
	l.control, l.data, l.stride = abi.MAP_DATA_OFF, abi.MAP_RING_OFF, uint64(s.MaxEntries)
	if s.Type == PerfEventArray {
		l.stride = 1 << bits.Len64(between(perfRoom*uint64(s.MaxEntries), minPerf, maxPerf)-1)
	}
	l.size = l.data + l.stride
}

func (s Spec) checkRing() error {
	switch {
	case s.Type == PerfEventArray:
		return s.checkPerf()
	case s.KeySize != 0 || s.ValueSize != 0:
		return fmt.Errorf("%v has no keys and values, but here they have %d and %d bytes", s.Type.article(), s.KeySize, s.ValueSize)
	case s.MaxEntries < 4096 || s.MaxEntries > maxSize/2 || s.MaxEntries&(s.MaxEntries-1) != 0:
		return fmt.Errorf("max_entries of %v is its size in bytes: a power of two from 4096 to %d, not %d", s.Type.article(), maxSize/2, s.MaxEntries)
	}
	return nil
}

// checkPerf as the kernel does (fd_array_map_alloc_check).
func (s Spec) checkPerf() error {
	switch {
	case s.KeySize != 4 || s.ValueSize != 4:
		return fmt.Errorf("keys and values of a perf_event_array have 4 bytes, but here %d and %d", s.KeySize, s.ValueSize)
	case s.MaxEntries == 0:
		return fmt.Errorf("a perf_event_array has an entry for each CPU: max_entries is at least 1")
	case s.Flags != 0:
		return fmt.Errorf("a perf_event_array has no flags, but here %#x", s.Flags)
	}
	return nil
}
