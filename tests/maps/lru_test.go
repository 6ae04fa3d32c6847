package maps_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
)

var steppedLRU = maps.Spec{Type: maps.LRUHash, KeySize: 8, ValueSize: 16, MaxEntries: chains, Flags: maps.ZeroSeed}

// fullLRU makes a full map, its keys in one chain: key 7 is the first there, key 0 the
// last. Those of `used` were looked up.
func fullLRU(t *testing.T, used []int) (path string, want map[string][]byte) {
	t.Helper()
	path, want = makeMap(t, steppedLRU), map[string][]byte{}
	c := serve(t, makeSession(t), path, steppedLRU)
	for n := range chains {
		if errno := c.do(opUpdate, 1, key(n), val(n+1), 0); errno != 0 {
			t.Fatal(errno)
		}
		want[string(key(n))] = val(n + 1)
	}
	for _, n := range used {
		if v, ok := c.lookup(3, key(n)); !ok || !bytes.Equal(v, val(n+1)) {
			t.Fatalf("key %d: %x, %v", n, v, ok)
		}
	}
	c.stop()
	return path, want
}

var evictions = map[string][]int{
	"the last of a chain":  nil,
	"the first of a chain": {0, 1, 2, 3, 4, 5, 6},
	"from the middle":      {0, 1, 2},
	"all were used":        {0, 1, 2, 3, 4, 5, 6, 7},
}

// TestKilledEvicting: a process is killed behind every instruction of an update for
// which another entry has to go. That one is gone or is not, the others are as they
// were, and whoever comes next has room.
func TestKilledEvicting(t *testing.T) {
	for name, used := range evictions {
		for chain, k := range map[string][]byte{"same": key(chains), "another": elsewhere()} {
			t.Run(name+", for "+chain, func(t *testing.T) {
				path, before := fullLRU(t, used)
				op := operation{"update", followed, k, val(50), 0}
				list := states(t, path, op)
				t.Logf("%d states", len(list))
				for i, b := range list {
					state := path + ".state"
					overwrite(t, state, b)
					happened := afterEviction(t, auditBytes(b), op, before)
					if i == 0 && happened || i == len(list)-1 && !happened {
						t.Errorf("happened: %v", happened)
					}
					for _, lease := range []int{followed, 9} {
						overwrite(t, state, b)
						renew(t, state, lease)
					}
					if t.Failed() {
						t.Fatalf("state %d of %d", i, len(list))
					}
				}
			})
		}
	}
}

// afterEviction: at most one entry is gone, no other has changed.
func afterEviction(t *testing.T, a *audit, op operation, before map[string][]byte) (happened bool) {
	t.Helper()
	a.healthy(t)
	gone := 0
	for k, v := range before {
		if have, ok := a.live[k]; !ok {
			gone++
		} else if !bytes.Equal(have, v) {
			t.Errorf("key %x has %x, not %x", k, have, v)
		}
	}
	have, happened := a.live[string(op.key)]
	if happened && !bytes.Equal(have, op.value) {
		t.Errorf("the new key has %x", have)
	}
	if gone > 1 || happened && gone == 0 {
		t.Errorf("%d entries went", gone)
	}
	return happened
}

// renew has a lease insert so many keys that nothing else is left, then the killed
// one's is used again.
func renew(t *testing.T, path string, lease int) {
	t.Helper()
	c := serve(t, makeSession(t), path, steppedLRU)
	for n := range 3 * chains {
		if errno := c.do(opUpdate, lease, chainKey(1, 1000+n), val(n), 0); errno != 0 {
			t.Errorf("lease %d, entry %d: %v", lease, n, errno)
		}
	}
	c.do(opDelete, followed, key(20), nil, 0)
	for n := range 3 * chains {
		if errno := c.do(opUpdate, followed, chainKey(1, 2000+n), val(n), maps.NoExist); errno != 0 {
			t.Errorf("entry %d: %v", n, errno)
		}
	}
	c.stop()
	a := auditFile(t, path)
	a.atRest(t)
	if len(a.live) != chains {
		t.Errorf("%d entries", len(a.live))
	}
}

// TestEvictingInBetween: somebody is stopped anywhere in an update that lets an entry go,
// another one runs a whole operation, then the first goes on. Both have a result, and
// what they wrote is there.
func TestEvictingInBetween(t *testing.T) {
	every := 1
	if os.Getenv(torture) == "" {
		every = 3
	}
	for name, used := range evictions {
		t.Run(name, func(t *testing.T) {
			path, _ := fullLRU(t, used)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			op := operation{"update", followed, key(chains), val(50), 0}
			places := placesOf(t, path, op)
			others := []operation{{"update", 9, key(chains + 1), val(60), 0}, {"update", 9, op.key, val(60), 0}, {"update", 9, elsewhere(), val(60), 0}}
			for n := range chains {
				others = append(others, operation{"delete", 9, key(n), nil, 0}, operation{"update", 9, key(n), val(60), 0})
			}
			for i, other := range others {
				for k := i % every; k < len(places); k += every {
					overwrite(t, path, whole)
					if evictBetween(t, path, op, other, places[k]); t.Failed() {
						t.Fatalf("%s %x behind instruction %d", other.op, other.key, places[k])
					}
				}
			}
		})
	}
}

func evictBetween(t *testing.T, path string, op, other operation, instructions int) {
	t.Helper()
	session := makeSession(t)
	hold(t, session, op.lease)
	f := follow(t, session, path, op)
	for range instructions {
		f.step()
	}
	c := serve(t, session, path, steppedLRU)
	second := c.run(other)
	c.stop()
	if first := f.finish(); first != 0 || second != 0 && (other.op != "delete" || second != unix.ENOENT) {
		t.Errorf("results %v and %v", first, second)
	}
	a := auditFile(t, path)
	a.atRest(t)
	if v := a.live[string(op.key)]; !bytes.Equal(v, op.value) && (!bytes.Equal(op.key, other.key) || !bytes.Equal(v, other.value)) {
		t.Errorf("the key has %x", v)
	}
	if v, ok := a.live[string(other.key)]; other.op == "delete" && ok {
		t.Errorf("the deleted key has %x", v)
	}
}

// TestEvictInGo: an update of a full map from Go lets an entry go that was not used.
func TestEvictInGo(t *testing.T) {
	for _, spec := range []maps.Spec{steppedLRU, {Type: maps.LRUPercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 20}} {
		path := makeMap(t, spec)
		c, g := serve(t, makeSession(t), path, spec), openWriter(t, path)
		put := func(n int) {
			t.Helper()
			if err := g.Update(key(n), number(uint64(n), spec.ValueSize), maps.NoExist); err != nil {
				t.Fatal(err)
			}
		}
		for n := range int(spec.MaxEntries) {
			put(n)
		}
		for n := range 3 * int(spec.MaxEntries) {
			if _, ok := c.lookup(1, key(2)); !ok {
				t.Fatalf("%v: behind %d others the entry that is used is gone", spec.Type, n)
			}
			put(1000 + n)
		}
		a := auditFile(t, path)
		if a.atRest(t); len(a.live) != int(spec.MaxEntries) {
			t.Errorf("%d entries", len(a.live))
		}
	}
}

// zipfHits has a program look keys up, and insert those that are not there; how many of
// the last half were.
func zipfHits(keys []uint64, lookup func(key []byte) bool, insert func(key []byte)) (hits int) {
	for i, n := range keys {
		k := binary.LittleEndian.AppendUint64(nil, n)
		if !lookup(k) {
			insert(k)
		} else if i >= len(keys)/2 {
			hits++
		}
	}
	return hits
}

func zipfKeys(seed uint64, rounds int) (keys []uint64) {
	z := rand.NewZipf(rand.New(rand.NewPCG(seed, 6)), 1.2, 8, 1<<20)
	for range rounds {
		keys = append(keys, z.Uint64()*0x9e3779b97f4a7c15)
	}
	return keys
}

// TestRecentlyUsed: what is looked up often stays. Of a Zipf distribution of keys a map
// keeps more than one that forgets at random, as a model of one does.
func TestRecentlyUsed(t *testing.T) {
	const entries, rounds = 512, 40_000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	keys, r := zipfKeys(seed, rounds), rand.New(rand.NewPCG(seed, 7))
	spec := maps.Spec{Type: maps.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: entries}
	c := serve(t, makeSession(t), makeMap(t, spec), spec)
	here := zipfHits(keys, func(k []byte) bool { _, ok := c.lookup(1, k); return ok }, func(k []byte) {
		if errno := c.do(opUpdate, 1, k, k, maps.NoExist); errno != 0 {
			t.Fatal(errno)
		}
	})
	random, slots := map[string]int{}, []string{}
	atRandom := zipfHits(keys, func(k []byte) bool { _, ok := random[string(k)]; return ok }, func(k []byte) {
		if len(slots) < entries {
			slots = append(slots, "")
		}
		at := len(slots) - 1
		if len(random) == entries {
			at = r.IntN(entries)
			delete(random, slots[at])
		}
		slots[at] = string(k)
		random[slots[at]] = at
	})
	t.Logf("of %d: %d hits; a random choice has %d", rounds/2, here, atRandom)
	if here <= atRandom {
		t.Errorf("%d hits, a random choice has %d", here, atRandom)
	}
}
