package maps

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Maps without keys: queue, stack, bloom_filter. internal/native/map_queue.c explains
// them; what writes here does the same, step by step.

const (
	positionSize = 8       // the key of a queue's element, which nobody sees
	mostStacked  = 1 << 15 // a stack is one chain
	mostHashes   = 15
	usualHashes  = 5
)

func (t Type) isQueue() bool { return t == Queue || t == Stack }
func (t Type) keyless() bool { return t.isQueue() || t == BloomFilter }

// Keyless tells whether there are values only.
func (t Type) Keyless() bool { return t.keyless() }

// keyBytes is the size of keys in the file.
func (s Spec) keyBytes() uint32 {
	switch {
	case s.Type.isQueue():
		return positionSize
	case s.Type == TaskStorage:
		return abi.MAP_TASK_KEY
	}
	return s.KeySize
}

// readKeyless takes from a header what does not stand there as it was given.
func (s *Spec) readKeyless(h []byte) {
	switch {
	case s.Type.isQueue() && s.KeySize == positionSize:
		s.KeySize = 0
	case s.Type == TaskStorage && s.KeySize == abi.MAP_TASK_KEY:
		s.KeySize = taskNumber
	case s.Type == BloomFilter:
		s.Extra = binary.LittleEndian.Uint32(h[abi.MAP_HDR_NNODES:])
	}
}

func (s Spec) checkKeyless() error {
	switch {
	case s.KeySize != 0:
		return fmt.Errorf("%v has no keys, but here they have %d bytes", s.Type.article(), s.KeySize)
	case s.ValueSize == 0 || s.ValueSize > maxSize:
		return fmt.Errorf("%v has values of at least 1 byte, at most 1 GiB, not %d bytes", s.Type.article(), s.ValueSize)
	case s.MaxEntries == 0:
		return fmt.Errorf("%v has max_entries, at least 1", s.Type.article())
	case s.Type == Stack && s.MaxEntries > mostStacked:
		return fmt.Errorf("a stack has at most %d elements here, not %d: its oldest is found by walking along it", mostStacked, s.MaxEntries)
	case s.Extra > mostHashes:
		return fmt.Errorf("a bloom_filter has at most %d hash functions (map_extra), not %d", mostHashes, s.Extra)
	}
	return s.checkSize()
}

func (s Spec) queueLayout(l *layout) {
	key := s
	key.Type, key.KeySize = Hash, positionSize
	key.hashLayout(l)
	if s.Type == Queue {
		return
	}
	l.bucketMask = 0 // there is room for more heads
}

// filterLayout has as many bits as the kernel's: for one wrong answer in some 30.
func (s Spec) filterLayout(l *layout) {
	l.nnodes = s.Extra
	if l.nnodes == 0 {
		l.nnodes = usualHashes
	}
	n := times(uint64(s.MaxEntries), uint64(l.nnodes)) * 7 / 5
	n = max(64, uint64(1)<<bits.Len64(max(n, 1)-1))
	l.bucketMask = uint32(min(n, 1<<31) - 1)
	l.data, l.nslots = abi.MAP_DATA_OFF, 1
	l.stride = roundUp((uint64(l.bucketMask)+1)/8, 64)
	l.size = l.data + l.stride
}

// ---- queues and stacks ----

// Push puts a value in; with Exist, into a full map too, from which its oldest goes. The
// error wraps E2BIG if it is full. A bloom_filter is never full.
func (m *Map) Push(value []byte, flags uint64) error {
	err := m.writable("push")
	switch {
	case err != nil:
		return err
	case !m.spec.Type.keyless():
		return m.fail("push", unix.EOPNOTSUPP)
	case len(value) != int(m.spec.ValueSize):
		return m.fail("push: size of the value", unix.EINVAL)
	case flags&NoExist != 0 || flags > Exist || flags != Any && m.spec.Type == BloomFilter:
		return m.fail("push: flags", unix.EINVAL)
	case m.spec.Type == BloomFilter:
		m.setBits(value)
		return nil
	}
	return m.locked("push", func(w *walk) error { return w.push(value, flags == Exist) }, make([]byte, positionSize))
}

// Pop takes the next value out. The error wraps ENOENT if there is none.
func (m *Map) Pop() ([]byte, error) {
	if err := m.writable("pop"); err != nil {
		return nil, err
	}
	if !m.spec.Type.isQueue() {
		return nil, m.fail("pop", unix.EOPNOTSUPP)
	}
	var out []byte
	err := m.locked("pop", func(w *walk) (err error) { out, err = w.pop(false); return err }, make([]byte, positionSize))
	return out, err
}

// Peek is the value that Pop would take.
func (m *Map) Peek() ([]byte, error) {
	if !m.spec.Type.isQueue() {
		return nil, m.fail("peek", unix.EOPNOTSUPP)
	}
	for _, values := range m.allQueued {
		return values[0], nil
	}
	return nil, m.fail("peek", unix.ENOENT)
}

// Has tells whether a bloom_filter may have the value.
func (m *Map) Has(value []byte) bool {
	if m.spec.Type != BloomFilter || len(value) != int(m.spec.ValueSize) {
		return false
	}
	for at, bit := range m.bitsOf(value) {
		if m.u64(at)&bit == 0 {
			return false
		}
	}
	return true
}

func (w *walk) pushed() uint64 { return w.control + abi.MAP_CTL_PUSHED }
func (w *walk) popped() uint64 { return w.control + abi.MAP_CTL_POPPED }

func (w *walk) aim(pos uint64) {
	binary.LittleEndian.PutUint64(w.key, pos)
	w.head = w.headOf(w.key)
}

func (w *walk) push(value []byte, anyway bool) error {
	for {
		var done bool
		var errno unix.Errno
		if w.spec.Type == Stack {
			w.fromHead()
			done, errno = w.insert(value)
		} else {
			done, errno = w.enqueue(value)
		}
		if w.budget--; w.budget <= 0 {
			errno = unix.EBUSY
		}
		switch {
		case done:
			return nil
		case errno == unix.E2BIG && anyway:
			w.pop(true)
		case errno != 0:
			return w.fail("push", errno)
		}
	}
}

func (w *walk) enqueue(value []byte) (done bool, errno unix.Errno) {
	pos := w.u64(w.pushed())
	w.aim(pos)
	found, ok := w.find()
	switch {
	case !ok:
		return false, unix.EBUSY
	case !found && w.u64(w.pushed()) == pos:
		if done, errno = w.insert(value); !done {
			return done, errno
		}
	case !found:
		return false, 0
	}
	w.cas(w.pushed(), pos, pos+1)
	return done, 0
}

// pop takes the next value out, or the oldest.
func (w *walk) pop(oldest bool) ([]byte, error) {
	for ; w.budget > 0; w.budget-- {
		pos, end := w.u64(w.popped()), w.u64(w.pushed())
		if w.spec.Type == Queue {
			w.aim(pos)
		} else {
			pos, end = 0, 0
		}
		w.oldest = oldest && w.spec.Type == Stack
		found, ok := w.find()
		w.oldest = false
		switch {
		case !ok:
			return nil, w.fail("pop", unix.EBUSY)
		case !found && w.spec.Type == Queue && end != pos:
			w.cas(w.popped(), pos, pos+1)
		case !found && (w.spec.Type == Stack || w.u64(w.popped()) == pos):
			return nil, w.fail("pop", unix.ENOENT)
		case found:
			if w.spec.Type == Queue && end == pos {
				w.cas(w.pushed(), pos, pos+1)
			}
			value := w.read(w.node(w.n)+uint64(w.valueAt), w.spec.ValueSize)
			if w.removeFound() {
				if w.spec.Type == Queue {
					w.cas(w.popped(), pos, pos+1)
				}
				return value, nil
			}
		}
	}
	return nil, w.fail("pop", unix.EBUSY)
}

// allQueued yields what is in the map, what Pop would take first, by its place.
func (m *Map) allQueued(yield func([]byte, [][]byte) bool) {
	list := m.queued()
	if m.spec.Type == Stack {
		list = m.bucket(m.buckets)
	}
	for i, e := range list {
		if !yield(binary.LittleEndian.AppendUint32(nil, uint32(i)), e.values) {
			return
		}
	}
}

// queued are the elements of a queue at one moment, if it does not change all the time.
func (m *Map) queued() (out []entry) {
	popped, pushed := m.control+abi.MAP_CTL_POPPED, m.control+abi.MAP_CTL_PUSHED
	for range mostTries {
		out = out[:0]
		first, key := m.u64(popped), make([]byte, positionSize)
		for pos := first; len(out) < int(m.spec.MaxEntries); pos++ {
			binary.LittleEndian.PutUint64(key, pos)
			values, err := m.lookupHash(key)
			if err != nil && pos < m.u64(pushed) && pos == m.u64(popped) {
				first++ // it has left, and the counter lags
				continue
			}
			if err != nil {
				break
			}
			out = append(out, entry{values: values})
		}
		if now := m.u64(popped); now <= first {
			break
		}
	}
	return out
}

// ---- filters ----

// bitsOf are where the bits of a value are: word and mask.
func (m *Map) bitsOf(value []byte) func(func(uint64, uint64) bool) {
	return func(yield func(uint64, uint64) bool) {
		hash := m.hashOf(value)
		for i := range uint64(m.nnodes) {
			n := mix(hash+i) & uint64(m.bucketMask)
			if !yield(m.data+n/64*8, 1<<(n%64)) {
				return
			}
		}
	}
}

func (m *Map) setBits(value []byte) {
	for at, bit := range m.bitsOf(value) {
		for old := m.u64(at); old&bit == 0 && !m.cas(at, old, old|bit); {
			old = m.u64(at)
		}
	}
}
