package maps

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Entries that name something: a program, whose code lies elsewhere in each process.
// The kernel's user space gives descriptors for them, of 4 bytes; in the file an entry
// has 8 bytes, an identity, and each process knows what has it there. An entry that a
// process knows nothing for is none to it, and counted as a miss.

// ReferenceSize is the size of a value that is an identity.
const ReferenceSize = 8

// Identity is that of what has this name in a session: OBJECT.PROGRAM.
func Identity(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return max(h.Sum64(), 1) // 0: there is no entry
}

// References is the beginning of a map whose entries name things: by index.
func References(names map[uint32]string) []byte {
	var b []byte
	for index, name := range names {
		if n := int(index+1) * ReferenceSize; len(b) < n {
			b = append(b, make([]byte, n-len(b))...)
		}
		binary.LittleEndian.PutUint64(b[index*ReferenceSize:], Identity(name))
	}
	return b
}

func (t Type) refers() bool { return t == ProgArray || t.ofMaps() }
func (t Type) ofMaps() bool { return t == ArrayOfMaps || t == HashOfMaps }

// isIndexed holds for those whose entries have an index.
func (t Type) isIndexed() bool { return t.refers() && !t.isHash() }

// Inner defines the maps in a map of maps.
type Inner struct {
	Type               Type
	KeySize, ValueSize uint32
	MaxEntries         uint32 // 0: any; an array's is the same for all
	Flags              uint32
}

// InnerOf is what a map of maps says of such maps (bpf_map_meta_equal, array_map_meta_equal).
func InnerOf(s Spec) Inner {
	in := Inner{s.Type, s.KeySize, s.ValueSize, 0, s.Flags}
	if s.Type == Array || s.Type == PercpuArray {
		in.MaxEntries = s.MaxEntries
	}
	return in
}

func (s Spec) checkInner() error {
	switch {
	case s.Type.ofMaps() == (s.Inner == Inner{}):
		return fmt.Errorf("%v, and what is said of inner maps is %v", s.Type.article(), s.Inner)
	case s.Inner.Type.refers():
		return fmt.Errorf("%v of %v does not exist", s.Type.article(), s.Inner.Type)
	}
	return nil
}

func (s *Spec) readInner(h []byte) {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(h[at:]) }
	s.Inner = Inner{Type(u32(abi.MAP_HDR_INNER_TYPE)), u32(abi.MAP_HDR_INNER_KEY_SIZE), u32(abi.MAP_HDR_INNER_VALUE_SIZE),
		u32(abi.MAP_HDR_INNER_MAX_ENTRIES), u32(abi.MAP_HDR_INNER_FLAGS)}
}

// fillHash puts references into a hash that nobody knows yet, by their index.
func fillHash(path string, contents []byte) error {
	m, err := OpenWriter(path)
	if err != nil {
		return err
	}
	defer m.Close()
	for i := 0; i < len(contents); i += ReferenceSize {
		value := contents[i : i+ReferenceSize]
		if binary.LittleEndian.Uint64(value) == 0 {
			continue
		}
		key := make([]byte, max(4, m.spec.KeySize))
		binary.LittleEndian.PutUint32(key, uint32(i/ReferenceSize))
		if err := m.Update(key[:m.spec.KeySize], value, NoExist); err != nil {
			return err
		}
	}
	return nil
}

// Refers tells whether values are identities.
func (t Type) Refers() bool { return t.refers() }

// ValueBytes is how many bytes Lookup returns and Update takes.
func (s Spec) ValueBytes() uint32 {
	if s.Type.refers() {
		return ReferenceSize
	}
	return s.ValueSize
}

func (s Spec) referenceLayout(l *layout) {
	l.data, l.nslots = abi.MAP_DATA_OFF, 1
	l.stride = roundUp(times(uint64(s.MaxEntries), ReferenceSize), 64)
	l.control = roundUp(l.data+l.stride, 4096)
	l.size = l.control + abi.MAP_CTL_SIZE
}

func (m *Map) reference(index uint32) uint64 { return abi.MAP_DATA_OFF + uint64(index)*ReferenceSize }

func (m *Map) lookupReference(index uint32) ([][]byte, error) {
	if index >= m.spec.MaxEntries || m.u64(m.reference(index)) == 0 {
		return nil, m.fail("lookup", unix.ENOENT)
	}
	return [][]byte{m.read(m.reference(index), ReferenceSize)}, nil
}

// updateReference checks in the order of bpf_fd_array_map_update_elem.
func (m *Map) updateReference(index uint32, value []byte, flags uint64) error {
	id := binary.LittleEndian.Uint64(value)
	switch {
	case flags != Any:
		return m.fail("update: flags", unix.EINVAL)
	case index >= m.spec.MaxEntries:
		return m.fail("update", unix.E2BIG)
	case id == 0:
		return m.fail("update: it names nothing", unix.EBADF)
	}
	m.put64(m.reference(index), id)
	return nil
}

// deleteReference is __fd_array_map_delete_elem.
func (m *Map) deleteReference(index uint32) error {
	if index >= m.spec.MaxEntries {
		return m.fail("delete", unix.E2BIG)
	}
	for at := m.reference(index); ; {
		switch old := m.u64(at); {
		case old == 0:
			return m.fail("delete", unix.ENOENT)
		case m.cas(at, old, 0):
			return nil
		}
	}
}

func (m *Map) allReferences(yield func([]byte, [][]byte) bool) {
	for index := range m.spec.MaxEntries {
		values, err := m.lookupReference(index)
		if err == nil && !yield(binary.LittleEndian.AppendUint32(nil, index), values) {
			return
		}
	}
}
