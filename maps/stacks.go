package maps

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// stackLayout is a bucket for each number a trace can get, as many as the kernel has.
func (s Spec) stackLayout(l *layout) {
	l.bucketMask = uint32(1)<<bits.Len32(max(s.MaxEntries, 1)-1) - 1
	l.nodeStride = 8 + s.ValueSize
	l.control = abi.MAP_DATA_OFF
	l.buckets = l.control + abi.MAP_CTL_SIZE
	l.size = l.buckets + times(uint64(l.bucketMask)+1, uint64(l.nodeStride))
}

// checkStacks as the kernel does (stack_map_alloc).
func (s Spec) checkStacks() error {
	switch {
	case s.KeySize != 4:
		return fmt.Errorf("the keys of stack_trace are numbers of 4 bytes, not %d", s.KeySize)
	case s.Flags&^StackBuildID != 0:
		return fmt.Errorf("a stack_trace has no flag but BPF_F_STACK_BUILD_ID, but here %#x", s.Flags)
	case s.ValueSize == 0 || s.ValueSize%s.frameSize() != 0 || s.ValueSize/s.frameSize() > abi.STACK_MOST:
		return fmt.Errorf("a stack_trace has values of 1 to %d frames of %d bytes, not %d bytes", abi.STACK_MOST, s.frameSize(), s.ValueSize)
	case s.MaxEntries == 0:
		return fmt.Errorf("a stack_trace has max_entries, at least 1")
	case s.Size() > maxSize:
		return fmt.Errorf("a stack_trace of %d entries of %d bytes takes %d MiB; at most %d MiB: use a smaller max_entries", s.MaxEntries, s.ValueSize, s.Size()>>20, maxSize>>20)
	}
	return nil
}

// StackBuildID is the flag of a stack_trace whose values are struct bpf_stack_build_id, not
// addresses.
const StackBuildID = abi.BPF_F_STACK_BUILD_ID

func (s Spec) frameSize() uint32 {
	if s.Flags&StackBuildID != 0 {
		return abi.BUILD_ID_SIZE
	}
	return 8
}

func (m *Map) stackAt(id uint32) uint64 { return m.buckets + uint64(id)*uint64(m.nodeStride) }

// stack is the trace of that number: its frames, then zeros. ok is false when there
// is none, or one that is being written.
func (m *Map) stack(id uint32) (value []byte, ok bool) {
	if id > m.bucketMask {
		return nil, false
	}
	at := m.stackAt(id)
	for range mostTries {
		state := m.u64(at)
		if state>>abi.STACK_FULL != 1 {
			return nil, false
		}
		value = m.read(at+8, m.spec.ValueSize)
		if m.u64(at) == state {
			clear(value[min(int(m.spec.frameSize())*int(state>>abi.STACK_NR&0xff), len(value)):])
			return value, true
		}
	}
	return nil, false
}

func (m *Map) lookupStack(id uint32) ([][]byte, error) {
	value, ok := m.stack(id)
	if !ok {
		return nil, m.fail("lookup", unix.ENOENT)
	}
	return [][]byte{value}, nil
}

func (m *Map) allStacks(yield func([]byte, [][]byte) bool) {
	for id := range uint64(m.bucketMask) + 1 {
		value, ok := m.stack(uint32(id))
		if ok && !yield(binary.LittleEndian.AppendUint32(nil, uint32(id)), [][]byte{value}) {
			return
		}
	}
}

// deleteStack empties a bucket.
func (m *Map) deleteStack(id uint32) error {
	if id > m.bucketMask {
		return m.fail("delete", unix.E2BIG)
	}
	const changes = 1<<abi.STACK_FULL - 1<<abi.STACK_CHANGES
	for {
		state := m.u64(m.stackAt(id))
		if state>>abi.STACK_FULL != 1 {
			return m.fail("delete", unix.ENOENT)
		}
		if m.cas(m.stackAt(id), state, (state+1<<abi.STACK_CHANGES)&changes) {
			return nil
		}
	}
}
