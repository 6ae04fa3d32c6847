package maps_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

var steppedPercpu = maps.Spec{Type: maps.PercpuHash, KeySize: 8, ValueSize: 16, MaxEntries: chains, Flags: maps.ZeroSeed}

// halfFull makes a map with two keys less than there is room for.
func halfFull(t *testing.T, spec maps.Spec) (path string, whole []byte) {
	t.Helper()
	path = makeMap(t, spec)
	c := serve(t, makeSession(t), path, spec)
	for n := range chains - 2 {
		if errno := c.do(opUpdate, 1, key(n), val(n+1), 0); errno != 0 {
			t.Fatal(errno)
		}
	}
	c.do(opUpdate, followed, key(0), val(40), 0)
	c.do(opUpdate, 9, key(0), val(40), 0)
	c.stop()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, whole
}

// TestNotYetFull: somebody is stopped at any instruction of inserting a key, with a free
// node in hand. Another inserts the same key, and one more: that one has room. Then the
// map is full. The first goes on, and finds its key.
func TestNotYetFull(t *testing.T) {
	for _, spec := range []maps.Spec{stepped, steppedPercpu} {
		t.Run(fmt.Sprint(spec.Type), func(t *testing.T) {
			path, whole := halfFull(t, spec)
			op := operation{"update", followed, key(chains), val(50), 0}
			for _, k := range placesOf(t, path, op) {
				overwrite(t, path, whole)
				session := makeSession(t)
				hold(t, session, op.lease)
				f := follow(t, session, path, op)
				for range k {
					f.step()
				}
				c := serve(t, session, path, spec)
				for n, want := range []unix.Errno{0, 0, unix.E2BIG, unix.E2BIG} {
					if errno := c.do(opUpdate, 9, key(chains+n), val(60), 0); errno != want {
						t.Errorf("update %d: %v, want %v", n, errno, want)
					}
				}
				c.stop()
				if errno := f.finish(); errno != 0 {
					t.Errorf("the first: %v", errno)
				}
				a := auditFile(t, path)
				if a.atRest(t); len(a.live) != chains {
					t.Errorf("%d entries", len(a.live))
				}
				if t.Failed() {
					t.Fatalf("behind instruction %d", k)
				}
			}
		})
	}
}

// TestLastPlace: two insert the last key that has room, one is stopped in it anywhere. One
// of them succeeds, and that one's key is there.
func TestLastPlace(t *testing.T) {
	for _, spec := range []maps.Spec{stepped, steppedPercpu} {
		path, _ := halfFull(t, spec)
		c := serve(t, makeSession(t), path, spec)
		c.do(opUpdate, 1, key(chains-2), val(1), 0)
		c.stop()
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		op := operation{"update", followed, key(chains), val(50), 0}
		firsts := map[unix.Errno]int{}
		for _, k := range placesOf(t, path, op) {
			overwrite(t, path, whole)
			session := makeSession(t)
			hold(t, session, op.lease)
			f := follow(t, session, path, op)
			for range k {
				f.step()
			}
			c := serve(t, session, path, spec)
			second := c.do(opUpdate, 9, key(chains+1), val(60), 0)
			c.stop()
			first := f.finish()
			firsts[first]++
			a := auditFile(t, path)
			a.atRest(t)
			_, one := a.live[string(key(chains))]
			_, two := a.live[string(key(chains+1))]
			if one != (first == 0) || two != (second == 0) || one == two || first+second != unix.E2BIG {
				t.Fatalf("behind instruction %d: %v and %v; keys there: %v, %v", k, first, second, one, two)
			}
		}
		if len(firsts) != 2 {
			t.Errorf("%v: %v", spec.Type, firsts)
		}
	}
}

// TestKilledStealing: one is stopped in an insertion, with the last free node in hand. A
// thief of its place is killed behind every instruction, or the one that it steals from,
// or both; then others mend what they left. No place is lost, and none is made.
func TestKilledStealing(t *testing.T) {
	for _, spec := range []maps.Spec{stepped, steppedPercpu} {
		t.Run(fmt.Sprint(spec.Type), func(t *testing.T) {
			path, _ := halfFull(t, spec)
			c := serve(t, makeSession(t), path, spec)
			c.do(opUpdate, 1, key(chains-2), val(1), 0)
			c.stop()
			var inHand []byte // of the one that is stolen from
			for _, b := range states(t, path, operation{"update", followed, key(chains), val(50), 0}) {
				if a := auditBytes(b); a.inHand == 1 && a.free == 0 && inHand == nil {
					inHand = b
				}
			}
			if inHand == nil {
				t.Fatal("no node is in hand")
			}
			overwrite(t, path, inHand)
			thief := operation{"update", 9, key(chains + 1), val(60), 0}
			list := states(t, path, thief, followed)
			t.Logf("%d states", len(list))
			stolen := 0
			for i, b := range list {
				if hand := auditBytes(b).u64(abi.MAP_DATA_OFF + abi.MAP_CTL_SIZE + followed*abi.MAP_REC_SIZE + abi.MAP_REC_HAND); hand&abi.MAP_HAND_SPARE != 0 {
					stolen++
				}
				for _, order := range [][]int{{9, followed}, {followed, 9}, {followed}, {9}} {
					overwrite(t, path, b)
					mend(t, path, spec, order)
					if t.Failed() {
						t.Fatalf("state %d of %d, then leases %v", i, len(list), order)
					}
				}
			}
			if stolen == 0 {
				t.Error("nothing was stolen")
			}
		})
	}
}

// mend uses leases again whose holders were killed, and then fills the map.
func mend(t *testing.T, path string, spec maps.Spec, leases []int) {
	t.Helper()
	auditFile(t, path).healthy(t)
	c := serve(t, makeSession(t), path, spec)
	for _, lease := range leases {
		c.do(opDelete, lease, key(30), nil, 0)
	}
	if len(leases) == 2 {
		auditFile(t, path).atRest(t)
	}
	live := len(auditFile(t, path).live)
	for n := live; n <= chains; n++ {
		want := unix.Errno(0)
		if n == chains {
			want = unix.E2BIG
		}
		if errno := c.do(opUpdate, leases[0], key(100+n), val(7), 0); errno != want {
			t.Errorf("entry %d: %v, want %v", n+1, errno, want)
		}
	}
	for _, lease := range []int{9, followed} {
		c.do(opDelete, lease, key(30), nil, 0)
	}
	c.stop()
	auditFile(t, path).atRest(t)
}
