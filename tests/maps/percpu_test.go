package maps_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

func number(v uint64, size uint32) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, v), make([]byte, size-8)...)
}

// total folds a key's values as sums; ok: the key is there.
func total(t testing.TB, m *maps.Map, key []byte) (sum uint64, ok bool) {
	t.Helper()
	values, err := m.Lookup(key)
	if errno := errnoOf(t, err); errno != 0 && errno != unix.ENOENT {
		t.Fatal(err)
	}
	for _, v := range values {
		sum += binary.LittleEndian.Uint64(v)
	}
	return sum, err == nil
}

var percpuSpecs = []maps.Spec{
	{Type: maps.PercpuArray, KeySize: 4, ValueSize: 8, MaxEntries: 3},
	{Type: maps.PercpuArray, KeySize: 4, ValueSize: 20000, MaxEntries: 2}, // fewer blocks than leases
	{Type: maps.PercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 20},
	{Type: maps.PercpuHash, KeySize: 5, ValueSize: 1000, MaxEntries: 30},
	{Type: maps.LRUPercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 20},
	{Type: maps.LRUPercpuHash, KeySize: 12, ValueSize: 40, MaxEntries: 7},
}

// TestPercpuAgree: each lease has its own value of a key that is there for all; readers
// see the sum.
func TestPercpuAgree(t *testing.T) {
	for _, spec := range percpuSpecs {
		t.Run(fmt.Sprint(spec.Type, spec.KeySize, spec.ValueSize), func(t *testing.T) {
			t.Parallel()
			percpuAgree(t, spec)
		})
	}
}

// values of a key, by lease
type byLease map[int]uint64

func (b byLease) sum() (v uint64) {
	for _, x := range b {
		v += x
	}
	return v
}

// A percpuPair is a map in C and in Go, with what is to be in it.
type percpuPair struct {
	spec maps.Spec
	c    *server
	g    *maps.Map
	want map[string]byLease
}

func percpuAgree(t *testing.T, spec maps.Spec) {
	path := makeMap(t, spec)
	p := percpuPair{spec, serve(t, makeSession(t), path, spec), openWriter(t, path), map[string]byLease{}}
	if spec.Type == maps.PercpuArray {
		for n := range spec.MaxEntries {
			p.want[string(keyed(4, int(n)))] = byLease{}
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for step := range 3000 {
		key := keyed(spec.KeySize, r.IntN(nkeys(spec)))
		lease, value := r.IntN(40)*12, r.Uint64N(1<<40)
		switch op := r.IntN(10); {
		case op < 3:
			flags := uint64(r.IntN(3))
			want := percpuUpdate(p.want, spec, key, lease, value, flags)
			if got := p.c.do(opUpdate, lease, key, number(value, spec.ValueSize), flags); got != want {
				t.Fatalf("update of %x: %v, want %v", key, got, want)
			}
		case op < 6:
			p.add(t, lease, key, value)
		case op < 7:
			p.delete(t, lease, key)
		case op < 8:
			p.replaceFromGo(t, key, value)
		}
		sum, ok := total(t, p.g, key)
		if values, exists := p.want[string(key)]; ok != exists || sum != values.sum() {
			t.Fatalf("step %d: Go reads %d, %v; want %d, %v", step, sum, ok, values.sum(), exists)
		}
	}
	p.compare(t, path)
}

func (p *percpuPair) add(t *testing.T, lease int, key []byte, value uint64) {
	t.Helper()
	found, have, err := p.c.ask(opAdd, lease, key, nil, value)
	values, exists := p.want[string(key)]
	if err != nil || found == 1 != exists {
		t.Fatalf("add to %x: %v, %v, want %v", key, found, err, exists)
	}
	if !exists {
		return
	}
	if values[lease] += value; binary.LittleEndian.Uint64(have) != values[lease] {
		t.Fatalf("lease %d has %x, want %d", lease, have, values[lease])
	}
}

func (p *percpuPair) delete(t *testing.T, lease int, key []byte) {
	t.Helper()
	want := unix.ENOENT
	if p.spec.Type == maps.PercpuArray {
		want = unix.EINVAL
	} else if p.want[string(key)] != nil {
		want = 0
		delete(p.want, string(key))
	}
	if got := p.c.do(opDelete, lease, key, nil, 0); got != want {
		t.Fatalf("delete of %x: %v, want %v", key, got, want)
	}
}

// replaceFromGo sets a key's only value, and removes it, since it is not said whose
// value it is.
func (p *percpuPair) replaceFromGo(t *testing.T, key []byte, value uint64) {
	t.Helper()
	if p.spec.Type == maps.PercpuArray || p.want[string(key)] == nil {
		return
	}
	if err := p.g.Update(key, number(value, p.spec.ValueSize), maps.Exist); err != nil {
		t.Fatal(err)
	}
	if sum, ok := total(t, p.g, key); !ok || sum != value {
		t.Fatalf("Go wrote %d and reads %d, %v", value, sum, ok)
	}
	if err := p.g.Delete(key); err != nil {
		t.Fatal(err)
	}
	delete(p.want, string(key))
}

func (p *percpuPair) compare(t *testing.T, path string) {
	t.Helper()
	n := 0
	for key, values := range p.g.All() {
		var sum uint64
		for _, v := range values {
			sum += binary.LittleEndian.Uint64(v)
		}
		if want, ok := p.want[string(key)]; !ok || sum != want.sum() {
			t.Errorf("key %x: %d, want %d, %v", key, sum, want.sum(), ok)
		}
		n++
	}
	if n != len(p.want) || p.g.Misses() != 0 || p.g.Busy() != 0 {
		t.Errorf("%d keys, want %d; %d misses, %d busy", n, len(p.want), p.g.Misses(), p.g.Busy())
	}
	if p.spec.Type != maps.PercpuArray {
		auditFile(t, path).atRest(t)
	}
}

func percpuUpdate(want map[string]byLease, spec maps.Spec, key []byte, lease int, value, flags uint64) unix.Errno {
	values, hash := want[string(key)], spec.Type != maps.PercpuArray
	switch {
	case values == nil && !hash:
		return unix.E2BIG
	case values != nil && flags == maps.NoExist:
		return unix.EEXIST
	case values == nil && flags == maps.Exist:
		return unix.ENOENT
	case values == nil && len(want) == int(spec.MaxEntries):
		return unix.E2BIG
	case values == nil:
		values = byLease{}
		want[string(key)] = values
	}
	values[lease] = value
	return 0
}

// few has 64 blocks.
var few = maps.Spec{Type: maps.PercpuArray, KeySize: 4, ValueSize: 1 << 17, MaxEntries: 1}

// TestFewBlocks: a lease gets a block as long as there is one; then one that a lease
// which nobody holds had, with what is in it; else a miss is counted.
func TestFewBlocks(t *testing.T) {
	session, path := makeSession(t), makeMap(t, few)
	if got := few.Size(); got != 4096+64<<17+4096 {
		t.Fatalf("%d bytes", got)
	}
	c, g := serve(t, session, path, few), openWriter(t, path)
	add := func(lease int, want int64) {
		t.Helper()
		if got, _, err := c.ask(opAdd, lease, make([]byte, 4), nil, 1); err != nil || got != want {
			t.Errorf("lease %d: %d, %v, want %d", lease, got, err, want)
		}
	}
	for lease := range 64 {
		hold(t, session, 3*lease)
		add(3*lease, 1)
	}
	hold(t, session, 500)
	add(500, 0)
	if g.Misses() != 1 {
		t.Errorf("%d misses", g.Misses())
	}
	free(t, session, 30)
	add(500, 1) // its block is 500's now
	free(t, session, 33)
	add(30, 1) // and 33's is 30's
	hold(t, session, 30)
	add(33, 0) // if it comes again, it has none
	if sum, ok := total(t, g, make([]byte, 4)); !ok || sum != 66 || g.Misses() != 2 {
		t.Errorf("%d, %v, %d misses", sum, ok, g.Misses())
	}
	for lease := range 64 {
		if lease != 11 {
			add(3*lease, 1)
		}
	}
	if sum, _ := total(t, g, make([]byte, 4)); sum != 66+63 {
		t.Error(sum)
	}
}

func free(t *testing.T, session string, lease int) {
	t.Helper()
	f, err := os.OpenFile(session, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, 8), abi.SESSION_LEASES_OFF+int64(lease)*abi.SESSION_LEASE_SIZE); err != nil {
		t.Fatal(err)
	}
}

// blockRules checks a file that nobody writes: what the table says is what the owners
// say, and no lease has two blocks.
func blockRules(t *testing.T, b []byte) {
	t.Helper()
	control := binary.LittleEndian.Uint64(b[abi.MAP_HDR_CONTROL:])
	entry := func(at uint64, n int) int { return int(binary.LittleEndian.Uint16(b[control+at+2*uint64(n):])) }
	owned := map[int]int{}
	for block := range abi.SESSION_NLEASES {
		owner := entry(abi.MAP_CTL_OWNERS, block)
		if owned[owner]++; owner != 0 && owned[owner] > 1 {
			t.Errorf("lease %d has %d blocks", owner-1, owned[owner])
		}
	}
	for lease := range abi.SESSION_NLEASES {
		if block := entry(abi.MAP_CTL_TABLE, lease); block != 0 && entry(abi.MAP_CTL_OWNERS, block-1) != lease+1 {
			t.Errorf("lease %d looks in block %d, which belongs to %d", lease, block-1, entry(abi.MAP_CTL_OWNERS, block-1)-1)
		}
	}
}

// TestKilledWithBlocks: a process is killed behind every instruction of getting a
// block: a new one, one of a lease that nobody holds, and together with a new key.
func TestKilledWithBlocks(t *testing.T) {
	small := maps.Spec{Type: maps.PercpuHash, KeySize: 8, ValueSize: 16, MaxEntries: chains, Flags: maps.ZeroSeed}
	for _, c := range []struct {
		name string
		spec maps.Spec
		all  bool // leases that nobody holds have all blocks
		op   operation
	}{
		{"new", few, false, operation{"add", followed, make([]byte, 4), nil, 5}},
		{"taken", few, true, operation{"add", followed, make([]byte, 4), nil, 5}},
		{"with a key", small, false, operation{"update", followed, key(0), number(5, 16), 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := makeMap(t, c.spec)
			s := serve(t, makeSession(t), path, c.spec)
			var before uint64
			for lease := 100; c.all && lease < 164; lease++ {
				s.ask(opAdd, lease, c.op.key, nil, 3)
				before += 3
			}
			s.stop()
			list := states(t, path, c.op)
			t.Logf("%d states", len(list))
			for i, b := range list {
				blockRules(t, b)
				overwrite(t, path, b)
				useBlocks(t, path, c.spec, c.op.key)
				if sum, _ := total(t, openWriter(t, path), c.op.key); sum != before && sum != before+5 || i == len(list)-1 && sum != before+5 {
					t.Errorf("state %d: %d, was %d and 5 were added", i, sum, before)
				}
			}
		})
	}
}

// useBlocks has some leases use the map, among them the one that was killed.
func useBlocks(t *testing.T, path string, spec maps.Spec, key0 []byte) {
	t.Helper()
	c := serve(t, makeSession(t), path, spec)
	c.ask(opAdd, followed, key0, nil, 0)
	another := key(1)[:spec.KeySize]
	for lease := range 8 {
		c.do(opUpdate, lease, another, number(0, spec.ValueSize), maps.NoExist)
		if got, _, _ := c.ask(opAdd, lease, another, nil, 0); got != 1 && spec.Type == maps.PercpuHash {
			t.Errorf("lease %d got no value", lease)
		}
	}
	c.stop()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	blockRules(t, b)
	if spec.Type != maps.PercpuArray {
		auditBytes(b).healthy(t)
	}
}
