package maps

import (
	"bytes"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// notSupported is the kernel's ENOTSUPP, which user space has no name for.
const notSupported = unix.Errno(524)

// NextKey returns the key behind this one, or the first if there is no such key or it is
// nil: an array's by index, a trie's as All has them, a hash's in no order. The error
// wraps ENOENT behind the last one.
func (m *Map) NextKey(key []byte) ([]byte, error) {
	if err := m.readable("next key"); err != nil {
		return nil, err
	}
	var next []byte
	switch {
	case m.spec.Type.keyless():
		return nil, m.fail("next key", unix.EINVAL)
	case m.spec.Type == TaskStorage:
		return nil, m.fail("next key", notSupported)
	case key != nil && len(key) != int(m.spec.KeySize):
		return nil, m.fail("next key: size of the key", unix.EINVAL)
	case m.spec.Type == LPMTrie:
		next = m.nextPrefix(key)
	case m.spec.Type.isHash():
		next = m.nextInHash(key)
	default:
		next = m.nextIndex(key)
	}
	if next == nil {
		return nil, m.fail("next key", unix.ENOENT)
	}
	return next, nil
}

func (m *Map) nextIndex(key []byte) []byte {
	var next uint32
	if key != nil && binary.LittleEndian.Uint32(key) < m.spec.MaxEntries {
		next = binary.LittleEndian.Uint32(key) + 1
	}
	if next == m.spec.MaxEntries {
		return nil
	}
	return binary.LittleEndian.AppendUint32(nil, next)
}

func (m *Map) nextInHash(key []byte) []byte {
	first := uint64(0)
	if key != nil {
		head := m.headOf(key)
		entries := m.bucket(head)
		at := slices.IndexFunc(entries, func(e entry) bool { return bytes.Equal(e.key, key) })
		if at >= 0 && at+1 < len(entries) {
			return entries[at+1].key
		}
		if at >= 0 {
			first = (head-m.buckets)/8 + 1
		}
	}
	for b := first; b <= uint64(m.bucketMask); b++ {
		if entries := m.bucket(m.buckets + 8*b); len(entries) > 0 {
			return entries[0].key
		}
	}
	return nil
}

func (m *Map) nextPrefix(key []byte) []byte {
	list := m.prefixes()
	at := -1
	if key != nil {
		at = slices.IndexFunc(list, func(e entry) bool { return comparePrefixes(e.key, key) == 0 })
	}
	if at+1 == len(list) {
		return nil
	}
	return list[at+1].key
}

// LookupAndDelete removes a key of a hash and returns the values that it had last. The
// error wraps ENOENT if there is none.
func (m *Map) LookupAndDelete(key []byte) (values [][]byte, err error) {
	if m.spec.Type.keyless() && len(key) == 0 {
		value, err := m.Pop()
		return [][]byte{value}, err
	}
	const what = "lookup and delete"
	if err := m.readable(what); err != nil {
		return nil, err
	}
	if err := m.writable(what); err != nil {
		return nil, err
	}
	switch {
	case !m.spec.Type.isHash() || m.spec.Type == LPMTrie:
		return nil, m.fail(what, notSupported)
	case len(key) != int(m.spec.KeySize):
		return nil, m.fail(what+": size of the key", unix.EINVAL)
	}
	err = m.locked(what, func(w *walk) error {
		w.removing = func(n uint32) { values = w.valuesOf(n) }
		return w.remove()
	}, key)
	return values, err
}

// An Entry is a key with its values, one if the type is not per CPU.
type Entry struct {
	Key    []byte
	Values [][]byte
}

// A Cursor is where a batch goes on. The zero value is the beginning.
type Cursor struct{ at uint64 }

// LookupBatch returns up to n entries from the cursor on, whole chains of a hash. The
// error wraps ENOENT when there is nothing behind them, and ENOSPC when n is less than
// what has one hash, and there is nothing then.
func (m *Map) LookupBatch(c *Cursor, n int) ([]Entry, error) {
	const what = "lookup batch"
	if err := m.readable(what); err != nil {
		return nil, err
	}
	if m.spec.Type.keyless() || m.spec.Type == TaskStorage {
		return nil, m.fail(what, notSupported)
	}
	if m.spec.Type.isHash() && m.spec.Type != LPMTrie {
		return m.hashBatch(what, c, n, nil)
	}
	var out []Entry
	var i uint64
	for key, values := range m.All() {
		if i++; i <= c.at {
			continue
		}
		if len(out) == n {
			return out, nil
		}
		out = append(out, Entry{key, values})
		c.at++
	}
	return out, m.fail(what, unix.ENOENT)
}

// LookupAndDeleteBatch is LookupBatch of a hash, and removes what it returns.
func (m *Map) LookupAndDeleteBatch(c *Cursor, n int) ([]Entry, error) {
	const what = "lookup and delete batch"
	if err := m.readable(what); err != nil {
		return nil, err
	}
	if err := m.writable(what); err != nil {
		return nil, err
	}
	if !m.spec.Type.isHash() || m.spec.Type == LPMTrie {
		return nil, m.fail(what, notSupported)
	}
	return m.hashBatch(what, c, n, m.LookupAndDelete)
}

// hashBatch takes each entry, if it is to be taken. One that somebody else was faster to
// take is not ours.
func (m *Map) hashBatch(what string, c *Cursor, n int, take func(key []byte) ([][]byte, error)) (out []Entry, err error) {
	for ; c.at <= uint64(m.bucketMask); c.at++ {
		entries := m.bucket(m.buckets + 8*c.at)
		if len(out)+len(entries) > n {
			if len(out) == 0 {
				return nil, m.fail(what+": a chain is longer", unix.ENOSPC)
			}
			return out, nil
		}
		for _, e := range entries {
			values := e.values
			if take != nil {
				if values, err = take(e.key); err != nil {
					continue
				}
			}
			out = append(out, Entry{e.key, values})
		}
	}
	return out, m.fail(what, unix.ENOENT)
}

// UpdateBatch sets the values of keys, in order, and tells how many it has set when one
// is refused. As in the kernel it has no flags but Lock.
func (m *Map) UpdateBatch(keys, values [][]byte, flags uint64) (int, error) {
	if m.spec.Type == TaskStorage {
		return 0, m.fail("update batch", notSupported)
	}
	if len(keys) != len(values) || flags&^Lock != 0 || flags != 0 && m.spec.Lock == 0 {
		return 0, m.fail("update batch: flags, or number of values", unix.EINVAL)
	}
	for i, key := range keys {
		if err := m.Update(key, values[i], flags); err != nil {
			return i, err
		}
	}
	return len(keys), nil
}

// DeleteBatch removes keys, in order, and tells how many it has removed when one is
// refused.
func (m *Map) DeleteBatch(keys [][]byte) (int, error) {
	if !m.spec.Type.isHash() {
		return 0, m.fail("delete batch", notSupported)
	}
	for i, key := range keys {
		if err := m.Delete(key); err != nil {
			return i, err
		}
	}
	return len(keys), nil
}
