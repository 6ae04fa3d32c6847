package maps

import "github.com/bpftime-go/bpftime/internal/abi"

// internal/native/map_lru.c, step by step the same; there it is told why.

const (
	mostRef   = 3
	lenient   = 512     // entries in use that the clock passes at once
	mostNodes = 1 << 16 // that are tried
)

func (m *Map) refAt(n uint32) uint64 { return m.node(n) + uint64(m.nodeStride) - 8 }

func (m *Map) setRef(n uint32, used uint64) {
	if m.spec.Type.isLRU() {
		m.put64(m.refAt(n), used)
	}
}

// unref takes one use away.
func (m *Map) unref(n uint32) {
	uses := m.u64(m.refAt(n))
	if uses > mostRef {
		uses = 1
	}
	m.put64(m.refAt(n), max(uses, 1)-1)
}

// evict lets an entry of a full map go, and has its node in hand then.
func (w *walk) evict() bool {
	clock := w.control + abi.MAP_CTL_CLOCK
	begun, inUse := w.u64(clock), 0
	n := begun
	for range mostNodes {
		node := uint32(n)
		if n >= uint64(w.nnodes) {
			node = 0
		}
		n = (uint64(node) + 1) % uint64(w.nnodes)
		switch {
		case w.isPooled(node):
		case inUse < lenient && w.u64(w.refAt(node)) != 0:
			inUse++
			w.unref(node)
		case !w.cas(clock, begun, n):
			begun = w.u64(clock)
			n = begun
		default:
			if w.letGo(node) {
				return true
			}
			begun = n
		}
	}
	return false
}

// letGo removes node n from the chain of its key, if it is there.
func (w *walk) letGo(n uint32) bool {
	key := w.keyOf(n)
	at := &walk{Map: w.Map, key: key, head: w.headOf(key), budget: longest}
	if found, ok := at.find(); !found || !ok || at.n != n {
		return false
	}
	frozen := at.freeze(uint32(at.next), abi.MAP_LINK_DELETED)
	ours := frozen && at.takeOut(uint32(at.next))
	if ours {
		w.hold(n, abi.MAP_HAND_LOCKED)
	} else if frozen && !at.isLast() {
		at.find() // unlinks what is marked
	}
	w.setVictim(0)
	return ours
}
