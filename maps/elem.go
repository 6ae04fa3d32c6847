package maps

import (
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Flags of Update, as the kernel's BPF_*.
const (
	Any     = 0
	NoExist = 1
	Exist   = 2
	Lock    = 4 // BPF_F_LOCK: under the lock in the value, also for LookupFlags
)

// Lookup returns the values of a key: one, or, for per-CPU types, one for each block
// that a lease has or had; of an lpm_trie, that of the longest prefix that matches. The
// error wraps ENOENT if there is none.
func (m *Map) Lookup(key []byte) ([][]byte, error) {
	if err := m.readable("lookup"); err != nil {
		return nil, err
	}
	switch {
	case m.spec.Type.keyless():
		return nil, m.fail(m.spec.Type.article()+" has no keys", unix.ENOTSUP)
	case len(key) != int(m.spec.KeySize):
		return nil, m.fail("lookup: size of the key", unix.EINVAL)
	case m.spec.Type == LPMTrie:
		return m.longestMatch(key)
	case m.spec.Type == TaskStorage:
		return m.lookupTask(key)
	case m.spec.Type.isHash():
		return m.lookupHash(key)
	case m.spec.Type == StackTrace:
		return m.lookupStack(binary.LittleEndian.Uint32(key))
	}
	index := binary.LittleEndian.Uint32(key)
	if m.spec.Type.isIndexed() {
		return m.lookupReference(index)
	}
	if index >= m.spec.MaxEntries {
		return nil, m.fail("lookup", unix.ENOENT)
	}
	return m.values(index), nil
}

// All yields each key with its values, as Lookup returns them. Of a hash, each key that
// is there all the while comes once, in no order; those of an lpm_trie come as the
// kernel lists them, 0 before 1, and a prefix behind all that begin with it.
func (m *Map) All() iter.Seq2[[]byte, [][]byte] {
	switch {
	case m.spec.Type.hasNoKeys() || m.spec.Flags&WriteOnly != 0:
		return func(func([]byte, [][]byte) bool) {}
	case m.spec.Type == LPMTrie:
		return m.allOfTrie
	case m.spec.Type == TaskStorage:
		return m.allTasks
	case m.spec.Type.isHash():
		return m.allOfHash
	case m.spec.Type.isIndexed():
		return m.allReferences
	case m.spec.Type == StackTrace:
		return m.allStacks
	case m.spec.Type.isQueue():
		return m.allQueued
	case m.spec.Type == BloomFilter:
		return func(func([]byte, [][]byte) bool) {}
	}
	return func(yield func([]byte, [][]byte) bool) {
		for index := range m.spec.MaxEntries {
			if !yield(binary.LittleEndian.AppendUint32(nil, index), m.values(index)) {
				return
			}
		}
	}
}

// Update sets the value of a key. In a per-CPU type it is the value of one block, and
// the others are zero; what a program adds at the same moment may get lost, as in the
// kernel. Errors wrap the kernel's: E2BIG, EEXIST, ENOENT, EINVAL, EPERM, EBUSY.
func (m *Map) Update(key, value []byte, flags uint64) error {
	if m.spec.Type.keyless() && len(key) == 0 {
		return m.Push(value, flags)
	}
	if err := m.writable("update"); err != nil {
		return err
	}
	if len(key) != int(m.spec.KeySize) || len(value) != int(m.spec.ValueBytes()) {
		return m.fail("update: size of key or value", unix.EINVAL)
	}
	if m.spec.Type.isIndexed() {
		return m.updateReference(binary.LittleEndian.Uint32(key), value, flags)
	}
	if m.spec.Type == TaskStorage {
		return m.updateTask(key, value, flags)
	}
	if m.spec.Lock != 0 && flags&^Lock <= Exist {
		return m.updateBesideLock(key, value, flags)
	}
	if flags > Exist || m.spec.Type == StackTrace {
		return m.fail("update: flags, or there is no lock", unix.EINVAL)
	}
	if m.spec.Type.isHash() {
		return m.locked("update", func(w *walk) error { return w.update(value, flags) }, key)
	}
	index := binary.LittleEndian.Uint32(key)
	if index >= m.spec.MaxEntries {
		return m.fail("update", unix.E2BIG)
	}
	if flags == NoExist {
		return m.fail("update", unix.EEXIST)
	}
	m.setValues(index, value)
	return nil
}

// Delete removes a key.
func (m *Map) Delete(key []byte) error {
	if err := m.writable("delete"); err != nil {
		return err
	}
	if len(key) != int(m.spec.KeySize) {
		return m.fail("delete: size of the key", unix.EINVAL)
	}
	if m.spec.Type.keyless() {
		return m.fail("delete", unix.EINVAL)
	}
	if m.spec.Type == TaskStorage {
		return m.deleteTask(key)
	}
	if m.spec.Type.isIndexed() {
		return m.deleteReference(binary.LittleEndian.Uint32(key))
	}
	if m.spec.Type == StackTrace {
		return m.deleteStack(binary.LittleEndian.Uint32(key))
	}
	if !m.spec.Type.isHash() {
		return m.fail("delete", unix.EINVAL)
	}
	return m.locked("delete", (*walk).remove, key)
}

// Sum adds up the 8-byte values of a key of an array over all blocks.
func (m *Map) Sum(key uint32) (sum uint64) {
	if m.spec.Type.isHash() || m.spec.Type == TaskStorage || m.spec.Type.keyless() || key >= m.spec.MaxEntries || m.spec.ValueSize < 8 {
		return 0
	}
	for block := range m.blocksInUse() {
		sum += m.u64(m.valueAtBlock(block, key))
	}
	return sum
}

// ---- the n-th value of each block ----

func (m *Map) valueAtBlock(block, n uint32) uint64 {
	return m.data + uint64(block)*m.stride + uint64(n)*uint64(m.layout.valueStride)
}

// blocksInUse yields the blocks that hold anything. Without a control page, all might.
func (m *Map) blocksInUse() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for block := range m.nslots {
			if (m.control == 0 || m.ownerOf(block) != 0) && !yield(block) {
				return
			}
		}
	}
}

// ownerOf is the lease + 1 that has the block; 0: none ever had.
func (m *Map) ownerOf(block uint32) uint16 {
	at := m.control + abi.MAP_CTL_OWNERS + 2*uint64(block)
	return uint16(m.u64(at&^7) >> (at % 8 * 8))
}

func (m *Map) values(n uint32) (out [][]byte) {
	for block := range m.blocksInUse() {
		out = append(out, m.withoutLock(m.read(m.valueAtBlock(block, n), m.spec.ValueSize)))
	}
	return out
}

func (m *Map) setValues(n uint32, value []byte) {
	m.needBlock()
	for block := range m.blocksInUse() {
		m.write(m.valueAtBlock(block, n), value)
		value = make([]byte, len(value))
	}
}

// needBlock gives a block to somebody, when nobody has one yet: to the last lease, which
// finds it when it needs one.
func (m *Map) needBlock() {
	for range m.blocksInUse() {
		return
	}
	m.cas(m.control+abi.MAP_CTL_OWNERS, 0, abi.SESSION_NLEASES)
}
