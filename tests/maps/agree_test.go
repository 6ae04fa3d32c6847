package maps_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// errnoOf is what an error of package maps wraps; 0: none.
func errnoOf(t testing.TB, err error) unix.Errno {
	t.Helper()
	var errno unix.Errno
	if err != nil && !errors.As(err, &errno) {
		t.Fatalf("%v wraps no errno", err)
	}
	return errno
}

// A model says what the kernel does.
type model struct {
	spec maps.Spec
	live map[string][]byte
}

func (m *model) isHash() bool { return m.spec.Type != maps.Array && m.spec.Type != maps.PercpuArray }

func isLRU(spec maps.Spec) bool { return spec.Type == maps.LRUHash || spec.Type == maps.LRUPercpuHash }

// nkeys is how many keys operations draw from: some more than there is room for, but
// of an LRU type, where it is not said which of them then go.
func nkeys(spec maps.Spec) int {
	if isLRU(spec) {
		return int(spec.MaxEntries)
	}
	return int(spec.MaxEntries)*3/2 + 2
}

func (m *model) exists(key []byte) bool {
	if m.isHash() {
		return m.live[string(key)] != nil
	}
	return binary.LittleEndian.Uint32(key) < m.spec.MaxEntries
}

func (m *model) update(key, value []byte, flags uint64) unix.Errno {
	switch exists := m.exists(key); {
	case flags > maps.Exist:
		return unix.EINVAL
	case !m.isHash() && !exists:
		return unix.E2BIG
	case exists && flags == maps.NoExist:
		return unix.EEXIST
	case !exists && flags == maps.Exist:
		return unix.ENOENT
	case !exists && len(m.live) == int(m.spec.MaxEntries):
		return unix.E2BIG
	}
	m.live[string(key)] = bytes.Clone(value)
	return 0
}

func (m *model) delete(key []byte) unix.Errno {
	switch {
	case !m.isHash():
		return unix.EINVAL
	case !m.exists(key):
		return unix.ENOENT
	}
	delete(m.live, string(key))
	return 0
}

// value is what a program, or a reader, finds.
func (m *model) value(key []byte) []byte {
	if v := m.live[string(key)]; v != nil || m.isHash() || !m.exists(key) {
		return v
	}
	return make([]byte, m.spec.ValueSize)
}

var agreements = []maps.Spec{
	{Type: maps.Array, KeySize: 4, ValueSize: 1, MaxEntries: 5},
	{Type: maps.Array, KeySize: 4, ValueSize: 24, MaxEntries: 100},
	{Type: maps.Hash, KeySize: 1, ValueSize: 3, MaxEntries: 8},
	{Type: maps.Hash, KeySize: 2, ValueSize: 8, MaxEntries: 1},
	{Type: maps.Hash, KeySize: 3, ValueSize: 9, MaxEntries: 100},
	{Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 64, Flags: maps.ZeroSeed},
	{Type: maps.Hash, KeySize: 7, ValueSize: 1, MaxEntries: 33},
	{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 1000},
	{Type: maps.Hash, KeySize: 9, ValueSize: 16, MaxEntries: 20},
	{Type: maps.Hash, KeySize: 16, ValueSize: 64, MaxEntries: 50},
	{Type: maps.Hash, KeySize: 512, ValueSize: 5000, MaxEntries: 5},
	{Type: maps.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 40},
	{Type: maps.LRUHash, KeySize: 3, ValueSize: 21, MaxEntries: 1},
	{Type: maps.LRUHash, KeySize: 20, ValueSize: 300, MaxEntries: 70},
}

// keyed makes the n-th key: all its bytes matter.
func keyed(size uint32, n int) []byte {
	key := bytes.Repeat([]byte{byte(n * 7)}, int(size))
	if size == 4 {
		binary.LittleEndian.PutUint32(key, uint32(n))
	}
	key[size-1] = byte(n)
	if size > 1 {
		key[0] = byte(n >> 8)
	}
	if size == 4 {
		binary.LittleEndian.PutUint32(key, uint32(n))
	}
	return key
}

func randomBytes(r *rand.Rand, n uint32) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestAgree: the same random operations by C, under several leases, and by Go, on one
// file, with the results of a model; and everybody sees what the others wrote.
func TestAgree(t *testing.T) {
	rounds := 2000
	if os.Getenv(torture) != "" {
		rounds = 50_000
	}
	for _, spec := range agreements {
		t.Run(fmt.Sprint(spec.Type, spec.KeySize, spec.ValueSize, spec.MaxEntries), func(t *testing.T) {
			t.Parallel()
			agree(t, spec, rounds)
		})
	}
}

// TestAgreeSanitized: nothing is read or written beyond keys, values and mappings, nor
// computed in a way that C does not define.
func TestAgreeSanitized(t *testing.T) {
	for _, spec := range agreements {
		t.Run(fmt.Sprint(spec.Type, spec.KeySize, spec.ValueSize, spec.MaxEntries), func(t *testing.T) {
			t.Parallel()
			agree(t, spec, 500, sanitized...)
		})
	}
}

func agree(t *testing.T, spec maps.Spec, rounds int, flags ...string) {
	path := makeMap(t, spec)
	c, g := serve(t, makeSession(t), path, spec, flags...), openWriter(t, path)
	want := model{spec, map[string][]byte{}}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range rounds {
		key := keyed(spec.KeySize, r.IntN(nkeys(spec)))
		value, flags, lease := randomBytes(r, spec.ValueSize), uint64(r.IntN(4)), r.IntN(abi.SESSION_NLEASES)
		byC := r.IntN(3) > 0
		var got, expected unix.Errno
		switch op := r.IntN(10); {
		case op < 5:
			expected = want.update(key, value, flags)
			if byC {
				got = c.do(opUpdate, lease, key, value, flags)
			} else {
				got = errnoOf(t, g.Update(key, value, flags))
			}
		case op < 7:
			expected = want.delete(key)
			if byC {
				got = c.do(opDelete, lease, key, nil, 0)
			} else {
				got = errnoOf(t, g.Delete(key))
			}
		default:
			sameValue(t, c, g, lease, key, want.value(key))
		}
		if got != expected {
			t.Fatalf("step %d, by C: %v, key %x, flags %d: %v, want %v", i, byC, key, flags, got, expected)
		}
	}
	sameEntries(t, g, &want)
	if want.isHash() {
		a := auditFile(t, path)
		a.atRest(t)
		if len(a.live) != len(want.live) {
			t.Errorf("%d entries, want %d", len(a.live), len(want.live))
		}
	}
}

func sameValue(t *testing.T, c *server, g *maps.Map, lease int, key, want []byte) {
	t.Helper()
	inC, ok := c.lookup(lease, key)
	if ok != (want != nil) || ok && !bytes.Equal(inC, want) {
		t.Fatalf("key %x: C finds %x (%v), want %x", key, inC, ok, want)
	}
	inGo, err := g.Lookup(key)
	if want == nil {
		if errnoOf(t, err) != unix.ENOENT {
			t.Fatalf("key %x: Go finds %x, %v", key, inGo, err)
		}
	} else if err != nil || len(inGo) != 1 || !bytes.Equal(inGo[0], want) {
		t.Fatalf("key %x: Go finds %x, %v, want %x", key, inGo, err, want)
	}
}

func sameEntries(t *testing.T, g *maps.Map, want *model) {
	t.Helper()
	seen := map[string]bool{}
	for key, values := range g.All() {
		if seen[string(key)] {
			t.Errorf("key %x comes twice", key)
		}
		seen[string(key)] = true
		if v := want.value(key); v == nil || len(values) != 1 || !bytes.Equal(values[0], v) {
			t.Errorf("key %x has %x, want %x", key, values, v)
		}
	}
	n := len(want.live)
	if !want.isHash() {
		n = int(want.spec.MaxEntries)
	}
	if len(seen) != n {
		t.Errorf("%d keys, want %d", len(seen), n)
	}
}
