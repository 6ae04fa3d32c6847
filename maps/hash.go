package maps

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// The read side of internal/native/map_hash.c, which explains the chains.

const (
	marks     = abi.MAP_LINK_DELETED | abi.MAP_LINK_REPLACED
	longest   = 1 << 16 // links that a walk follows
	mostTries = 1 << 12
	golden    = 0x9e3779b97f4a7c15
)

func mix(a uint64) uint64 {
	hi, lo := bits.Mul64(a, golden)
	return hi ^ lo
}

// headOf is where the head of the key's chain lies.
func (m *Map) headOf(key []byte) uint64 {
	return m.buckets + 8*(m.hashOf(key)&uint64(m.bucketMask))
}

func (m *Map) hashOf(key []byte) uint64 {
	v := m.seed
	for ; len(key) > 8; key = key[8:] {
		v = mix(v ^ binary.LittleEndian.Uint64(key))
	}
	var tail [8]byte
	copy(tail[:], key)
	return mix(v ^ binary.LittleEndian.Uint64(tail[:]))
}

// node is where a node lies, and with it its link; n is below nnodes.
func (m *Map) node(n uint32) uint64 { return m.nodes + uint64(n)*uint64(m.nodeStride) }

// follow returns the links of a chain as they are met, the head first. A chain that
// does not end is cut.
func (m *Map) follow(head uint64, links []uint64) []uint64 {
	most := min(longest, int(m.nnodes)+1)
	for at := head; ; {
		link := m.u64(at)
		links = append(links, link)
		if uint32(link) >= m.nnodes || len(links) == most {
			return links
		}
		at = m.node(uint32(link))
	}
}

// A place is a node in a chain, with the link it had there.
type place struct {
	n    uint32
	link uint64
}

// chain returns the nodes that were in the chain at one moment, without those that were
// removed or replaced.
func (m *Map) chain(head uint64) ([]place, bool) {
	var first, second []uint64
	for range mostTries {
		first, second = m.follow(head, first[:0]), m.follow(head, second[:0])
		if !slices.Equal(first, second) {
			continue
		}
		var out []place
		for i, own := range first[1:] {
			if own&marks == 0 {
				out = append(out, place{uint32(first[i]), own})
			}
		}
		return out, true
	}
	return nil, false
}

func (m *Map) keyOf(n uint32) []byte { return m.read(m.node(n)+8, m.spec.keyBytes()) }

// givenKey is the key as it was spelled when the entry was written: in a trie it stands
// behind the one that is looked for.
func (m *Map) givenKey(n uint32) []byte {
	if m.spec.Type == LPMTrie {
		return m.read(m.node(n)+8+uint64(padded(m.spec.KeySize)), m.spec.KeySize)
	}
	return m.keyOf(n)
}

// valuesOf copies the values of a node. They belong together when the node's link is
// the same before and after.
func (m *Map) valuesOf(n uint32) [][]byte {
	if m.nslots != 0 {
		return m.values(n)
	}
	return [][]byte{m.withoutLock(m.read(m.node(n)+uint64(m.valueAt), m.spec.ValueBytes()))}
}

func (m *Map) lookupHash(key []byte) ([][]byte, error) {
	head := m.headOf(key)
	for range mostTries {
		places, ok := m.chain(head)
		i := slices.IndexFunc(places, func(p place) bool { return bytes.Equal(m.keyOf(p.n), key) })
		switch {
		case !ok:
		case i < 0:
			// Keys were compared behind the moment the chain is of.
			if m.still(places) {
				return nil, m.fail("lookup", unix.ENOENT)
			}
		default:
			if values := m.valuesOf(places[i].n); m.still(places[i : i+1]) {
				return values, nil
			}
		}
	}
	return nil, m.fail("lookup", unix.EBUSY)
}

// still tells whether no node was used again since.
func (m *Map) still(places []place) bool {
	return !slices.ContainsFunc(places, func(p place) bool { return m.u64(m.node(p.n)) != p.link })
}

type entry struct {
	key    []byte
	values [][]byte
}

// bucket copies a chain's entries.
func (m *Map) bucket(head uint64) (out []entry) {
	for range mostTries {
		places, ok := m.chain(head)
		out = out[:0]
		for _, p := range places {
			out = append(out, entry{m.givenKey(p.n), m.valuesOf(p.n)})
		}
		if ok && m.still(places) {
			return out
		}
	}
	return nil
}

// allOfHash ends after as many entries as there are nodes: a spoilt file may have chains
// in which nodes come again.
func (m *Map) allOfHash(yield func([]byte, [][]byte) bool) {
	left := m.nnodes
	for b := range uint64(m.bucketMask) + 1 {
		for _, e := range m.bucket(m.buckets + 8*b) {
			if left == 0 || !yield(e.key, e.values) {
				return
			}
			left--
		}
	}
}
