package maps_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// A trieModel says what the kernel's lpm_trie does, by comparing bit by bit.
type trieModel struct {
	spec maps.Spec
	list []trieEntry
}

type trieEntry struct{ key, value []byte }

func prefixLen(key []byte) int { return int(binary.LittleEndian.Uint32(key)) }

func bit(key []byte, n int) int { return int(key[4+n/8]) >> (7 - n%8) & 1 }

// covers: are the first n bits of both the same?
func covers(a, b []byte, n int) bool {
	for i := range n {
		if bit(a, i) != bit(b, i) {
			return false
		}
	}
	return true
}

func (m *trieModel) most() int { return int(m.spec.KeySize-4) * 8 }

func (m *trieModel) index(key []byte) int {
	return slices.IndexFunc(m.list, func(e trieEntry) bool {
		return prefixLen(e.key) == prefixLen(key) && covers(e.key, key, prefixLen(key))
	})
}

func (m *trieModel) update(key, value []byte, flags uint64) unix.Errno {
	if flags > maps.Exist || prefixLen(key) > m.most() {
		return unix.EINVAL
	}
	e := trieEntry{bytes.Clone(key), bytes.Clone(value)}
	switch at := m.index(key); {
	case at >= 0 && flags == maps.NoExist:
		return unix.EEXIST
	case at >= 0:
		m.list[at] = e
	case flags == maps.Exist:
		return unix.ENOENT
	case len(m.list) == int(m.spec.MaxEntries):
		return unix.ENOSPC
	default:
		m.list = append(m.list, e)
	}
	return 0
}

func (m *trieModel) delete(key []byte) unix.Errno {
	if prefixLen(key) > m.most() {
		return unix.EINVAL
	}
	at := m.index(key)
	if at < 0 {
		return unix.ENOENT
	}
	m.list = slices.Delete(m.list, at, at+1)
	return 0
}

func (m *trieModel) value(key []byte) (best []byte) {
	length := -1
	for _, e := range m.list {
		n := prefixLen(e.key)
		if n > length && n <= prefixLen(key) && prefixLen(key) <= m.most() && covers(e.key, key, n) {
			best, length = e.value, n
		}
	}
	return best
}

// walk lists what is below a prefix, as a trie is walked: 0, 1, then itself.
func (m *trieModel) walk(list []trieEntry, depth int) (out []trieEntry) {
	if len(list) == 0 {
		return nil
	}
	var own []trieEntry
	var below [2][]trieEntry
	for _, e := range list {
		if prefixLen(e.key) == depth {
			own = append(own, e)
		} else {
			below[bit(e.key, depth)] = append(below[bit(e.key, depth)], e)
		}
	}
	return slices.Concat(m.walk(below[0], depth+1), m.walk(below[1], depth+1), own)
}

// prefixKey makes keys that have much in common; now and then one is too long.
func prefixKey(r *rand.Rand, size uint32) []byte {
	most := int(size-4) * 8
	n := []int{r.IntN(most + 1), min(most, 8*r.IntN(4)), most, r.IntN(min(most, 6) + 1), most + 1 + r.IntN(3)}[r.IntN(5)]
	if n > most && r.IntN(5) > 0 {
		n = most
	}
	key := binary.LittleEndian.AppendUint32(nil, uint32(n))
	for range size - 4 {
		key = append(key, []byte{0, 0x80, 0xff, 10, byte(r.Uint32())}[r.IntN(5)])
	}
	return key
}

var tries = []maps.Spec{
	{Type: maps.LPMTrie, KeySize: 5, ValueSize: 1, MaxEntries: 7, Flags: maps.NoPrealloc},
	{Type: maps.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 60, Flags: maps.NoPrealloc},
	{Type: maps.LPMTrie, KeySize: 11, ValueSize: 12, MaxEntries: 40, Flags: maps.NoPrealloc},
	{Type: maps.LPMTrie, KeySize: 20, ValueSize: 4, MaxEntries: 100, Flags: maps.NoPrealloc},
	{Type: maps.LPMTrie, KeySize: 260, ValueSize: 100, MaxEntries: 30, Flags: maps.NoPrealloc},
}

// TestTrieAgree: random operations by C and by Go have the results of a model that
// compares bit by bit, and all that is in the trie is listed in the kernel's order.
func TestTrieAgree(t *testing.T) {
	rounds := 3000
	if os.Getenv(torture) != "" {
		rounds = 100_000
	}
	for _, spec := range tries {
		t.Run(fmt.Sprint(spec.KeySize), func(t *testing.T) {
			t.Parallel()
			trieAgree(t, spec, rounds)
			trieAgree(t, spec, rounds/10, sanitized...)
		})
	}
}

func trieAgree(t *testing.T, spec maps.Spec, rounds int, flags ...string) {
	t.Helper()
	path := makeMap(t, spec)
	c, g := serve(t, makeSession(t), path, spec, flags...), openWriter(t, path)
	want := trieModel{spec: spec}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	for i := range rounds {
		key, value, flags, lease := prefixKey(r, spec.KeySize), randomBytes(r, spec.ValueSize), uint64(r.IntN(4)), r.IntN(abi.SESSION_NLEASES)
		if len(want.list) > 0 && r.IntN(3) == 0 { // one that is there, spelled otherwise behind the prefix
			known := want.list[r.IntN(len(want.list))].key
			for n := range min(prefixLen(known), want.most()) {
				key[4+n/8] = key[4+n/8]&^(0x80>>(n%8)) | known[4+n/8]&(0x80>>(n%8))
			}
			copy(key, known[:4])
		}
		var got, expected unix.Errno
		switch op := r.IntN(10); {
		case op < 4:
			expected = want.update(key, value, flags)
			if op%2 == 0 {
				got = c.do(opUpdate, lease, key, value, flags)
			} else {
				got = errnoOf(t, g.Update(key, value, flags))
			}
		case op < 6:
			expected = want.delete(key)
			if op%2 == 0 {
				got = c.do(opDelete, lease, key, nil, 0)
			} else {
				got = errnoOf(t, g.Delete(key))
			}
		default:
			sameValue(t, c, g, lease, key, want.value(key))
		}
		if got != expected {
			t.Fatalf("step %d, key %x, flags %d: %v, want %v", i, key, flags, got, expected)
		}
	}
	list := want.walk(want.list, 0)
	n := 0
	for key, values := range g.All() {
		if n >= len(list) || !bytes.Equal(key, list[n].key) || !bytes.Equal(values[0], list[n].value) {
			t.Fatalf("entry %d is %x: %x, want %x", n, key, values, list[min(n, len(list)-1)])
		}
		n++
	}
	if n != len(list) {
		t.Errorf("%d entries, want %d", n, len(list))
	}
	auditFile(t, path).atRest(t)
}
