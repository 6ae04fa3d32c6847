package maps_test

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// An audit takes the file of a hash apart.
type audit struct {
	b         []byte
	live      map[string][]byte // key: value (of a hash)
	marked    int               // in a chain, but removed or replaced
	free      int               // nodes that entries may still take
	spare     int
	leases    int // spares that leases keep
	inHand    int // nodes that only a record's hand or victim names
	lost      int // nodes that nothing names
	unhealthy []string
}

func (a *audit) u32(at uint64) uint32 { return binary.LittleEndian.Uint32(a.b[at:]) }
func (a *audit) u64(at uint64) uint64 { return binary.LittleEndian.Uint64(a.b[at:]) }

func (a *audit) complain(format string, args ...any) {
	a.unhealthy = append(a.unhealthy, fmt.Sprintf(format, args...))
}

func mixed(a uint64) uint64 {
	hi, lo := bits.Mul64(a, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// bucketOf is the hash function, from the description: words of 8 bytes, the last one
// with 1 to 8 of them, each xored in and multiplied.
func bucketOf(seed uint64, key []byte) uint64 {
	v := seed
	for n := (len(key) - 1) / 8; n > 0; n, key = n-1, key[8:] {
		v = mixed(v ^ binary.LittleEndian.Uint64(key))
	}
	return mixed(v ^ binary.LittleEndian.Uint64(append(append([]byte(nil), key...), make([]byte, 8-len(key))...)))
}

// auditFile reads a file of which nobody writes.
func auditFile(t testing.TB, path string) *audit {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return auditBytes(b)
}

func auditBytes(b []byte) *audit {
	a := &audit{b: b, live: map[string][]byte{}}
	nnodes := a.u32(abi.MAP_HDR_NNODES)
	where := make([]string, nnodes)
	claim := func(n uint32, place string, count *int) {
		if n >= nnodes {
			a.complain("%s names node %d of %d", place, n, nnodes)
			return
		}
		if where[n] != "" {
			a.complain("node %d: %s, and %s", n, where[n], place)
		}
		where[n] = place
		*count++
	}
	a.chains(nnodes, claim)
	words := (nnodes + abi.MAP_POOL_NODES - 1) / abi.MAP_POOL_NODES
	for n := range nnodes {
		for pool, count := range []*int{&a.free, &a.spare} {
			if a.u64(a.u64(abi.MAP_HDR_FREE)+8*uint64(uint32(pool)*words+n/abi.MAP_POOL_NODES))>>(n%abi.MAP_POOL_NODES)&1 != 0 {
				claim(n, "in a pool", count)
			}
		}
	}
	a.records(nnodes, where, claim)
	for _, place := range where {
		if place == "" {
			a.lost++
		}
	}
	return a
}

func (a *audit) chains(nnodes uint32, claim func(uint32, string, *int)) {
	nodes, stride := a.u64(abi.MAP_HDR_NODES), uint64(a.u32(abi.MAP_HDR_NODE_STRIDE))
	keySize, valueAt := uint64(a.u32(abi.MAP_HDR_KEY_SIZE)), uint64(a.u32(abi.MAP_HDR_VALUE_AT))
	var inChains int
	var ref uint64 // the last word of a node
	if t := maps.Type(a.u32(abi.MAP_HDR_TYPE)); t == maps.LRUHash || t == maps.LRUPercpuHash {
		ref = 8
	}
	for bucket := range uint64(a.u32(abi.MAP_HDR_BUCKET_MASK)) + 1 {
		link := a.u64(a.u64(abi.MAP_HDR_BUCKETS) + 8*bucket)
		for n := uint32(link); n < nnodes; {
			at := nodes + uint64(n)*stride
			if claim(n, fmt.Sprintf("in chain %d", bucket), &inChains); inChains > int(nnodes) {
				return
			}
			own, key := a.u64(at), a.b[at+8:at+8+keySize]
			id := string(key)
			if maps.Type(a.u32(abi.MAP_HDR_TYPE)) == maps.Stack { // all its keys are the same
				id = fmt.Sprint(n)
			}
			if own&(abi.MAP_LINK_DELETED|abi.MAP_LINK_REPLACED) != 0 {
				a.marked++
			} else {
				if _, twice := a.live[id]; twice {
					a.complain("key %x is there twice", key)
				}
				a.live[id] = a.b[at+valueAt : at+stride-ref]
			}
			if want := bucketOf(a.u64(abi.MAP_HDR_SEED), key) & uint64(a.u32(abi.MAP_HDR_BUCKET_MASK)); want != bucket {
				a.complain("key %x is in chain %d, belongs to %d", key, bucket, want)
			}
			n = uint32(own)
		}
	}
}

// records: a spare that is in a chain was published; its record was not yet changed.
func (a *audit) records(nnodes uint32, where []string, claim func(uint32, string, *int)) {
	at := func(lease int, field uint64) uint32 {
		return uint32(a.u64(a.u64(abi.MAP_HDR_RECORDS) + uint64(lease)*abi.MAP_REC_SIZE + field))
	}
	for lease := range abi.MAP_NRECORDS {
		busy := at(lease, abi.MAP_REC_HAND) != 0 || at(lease, abi.MAP_REC_VICTIM) != 0
		if spare := at(lease, abi.MAP_REC_SPARE); spare != 0 && (!busy || spare <= nnodes && where[spare-1] == "") {
			claim(spare-1, fmt.Sprintf("spare of %d", lease), &a.leases)
		}
	}
	for lease := range abi.MAP_NRECORDS {
		for _, field := range []uint64{abi.MAP_REC_HAND, abi.MAP_REC_VICTIM} {
			if n := at(lease, field); n != 0 && n <= nnodes && where[n-1] == "" {
				claim(n-1, fmt.Sprintf("in the hand of %d", lease), &a.inHand)
			}
		}
	}
	limbo := a.u64(abi.MAP_HDR_FREE) + 16*uint64((nnodes+abi.MAP_POOL_NODES-1)/abi.MAP_POOL_NODES)
	for i := range uint64(abi.MAP_NLIMBO) {
		if n := uint32(a.u64(limbo + 8*i)); n != 0 && n <= nnodes && where[n-1] == "" {
			claim(n-1, "in doubt", &a.inHand)
		}
	}
}

// healthy: every node is accounted for exactly once.
func (a *audit) healthy(t testing.TB) {
	t.Helper()
	for _, u := range a.unhealthy {
		t.Error(u)
	}
	if a.lost > 0 {
		t.Errorf("%d nodes are lost", a.lost)
	}
}

// atRest: nothing is in the middle of anything, and the pools hold exactly what they
// have to.
func (a *audit) atRest(t testing.TB) {
	t.Helper()
	a.healthy(t)
	entries := int(a.u32(abi.MAP_HDR_MAX_ENTRIES))
	if a.marked != 0 || a.inHand != 0 || len(a.live)+a.free != entries || a.spare+a.leases != int(a.u32(abi.MAP_HDR_NNODES))-entries {
		t.Errorf("%d entries, %d free of %d; %d spare, %d of leases, of %d nodes; %d marked, %d in hand", len(a.live), a.free, entries,
			a.spare, a.leases, a.u32(abi.MAP_HDR_NNODES), a.marked, a.inHand)
	}
}
