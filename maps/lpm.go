package maps

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// internal/native/map_lpm.c tells how a trie is a hash.

func lengthOf(key []byte) uint32 { return binary.LittleEndian.Uint32(key) }

// prefix is the first n bits of a key, as it stands in the hash; nil: no key has so many.
func (m *Map) prefix(key []byte, n uint32) []byte {
	if n > m.longestPrefix() {
		return nil
	}
	out := binary.LittleEndian.AppendUint32(nil, n)
	out = append(out, key[4:4+(n+7)/8]...)
	if n%8 != 0 {
		out[len(out)-1] &= 0xff << (8 - n%8)
	}
	return append(out, make([]byte, len(key)-len(out))...)
}

func (m *Map) longestPrefix() uint32 { return (m.spec.KeySize - 4) * 8 }

func (m *Map) lengthWord(n uint32) uint64 { return m.control + abi.MAP_CTL_LENGTHS + 8*uint64(n/64) }

// noteLength says that there are prefixes of this length.
func (m *Map) noteLength(n uint32) {
	m.change(m.lengthWord(n), func(old uint64) uint64 { return old | 1<<(n%64) })
}

// lengths are those up to n that there may be, the longest first.
func (m *Map) lengths(n uint32) (out []uint32) {
	for at := int64(n / 64); at >= 0; at-- {
		for word := m.u64(m.lengthWord(uint32(at) * 64)); word != 0; {
			bit := uint32(63 - bits.LeadingZeros64(word))
			word &^= 1 << bit
			if length := uint32(at)*64 + bit; length <= n {
				out = append(out, length)
			}
		}
	}
	return out
}

func (m *Map) longestMatch(key []byte) ([][]byte, error) {
	n := lengthOf(key)
	if n > m.longestPrefix() {
		return nil, m.fail("lookup", unix.ENOENT)
	}
	for _, length := range m.lengths(n) {
		if values, err := m.lookupHash(m.prefix(key, length)); !errors.Is(err, unix.ENOENT) {
			return values, err
		}
	}
	return nil, m.fail("lookup", unix.ENOENT)
}

// comparePrefixes orders keys as the kernel lists them.
func comparePrefixes(a, b []byte) int {
	la, lb := lengthOf(a), lengthOf(b)
	common := min(la, lb)
	whole := common / 8
	if c := bytes.Compare(a[4:4+whole], b[4:4+whole]); c != 0 {
		return c
	}
	if common%8 != 0 {
		shift := 8 - common%8
		if x, y := a[4+whole]>>shift, b[4+whole]>>shift; x != y {
			return int(x) - int(y)
		}
	}
	return int(lb) - int(la)
}

// prefixes copies the entries of a trie, in order. A spoilt file may have lengths that
// no key has.
func (m *Map) prefixes() (list []entry) {
	m.allOfHash(func(key []byte, values [][]byte) bool {
		if lengthOf(key) <= m.longestPrefix() {
			list = append(list, entry{key, values})
		}
		return true
	})
	slices.SortFunc(list, func(a, b entry) int { return comparePrefixes(a.key, b.key) })
	return list
}

func (m *Map) allOfTrie(yield func([]byte, [][]byte) bool) {
	for _, e := range m.prefixes() {
		if !yield(e.key, e.values) {
			return
		}
	}
}
