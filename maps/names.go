package maps

import (
	"github.com/bpftime-go/bpftime/internal/abi"
)

// What a record, or a link, says of a node: internal/native/map_hash.h.

const (
	tagOne  = 1 << abi.MAP_LINK_TAG
	tagMask = 1<<(64-abi.MAP_LINK_TAG) - 1
	kinds   = abi.MAP_HAND_SPARE | abi.MAP_HAND_LOCKED
)

// pools of nodes
const (
	freeNodes  = 0
	spareNodes = 1
)

// nameOf is a name of node n with the tag of tags, be it a link or a name.
func nameOf(n uint32, tags uint64) uint64 { return uint64(n) + 1 | tags&^(tagOne-1) }

// numberOf is the node that is named; nnodes or more: none.
func numberOf(name uint64) uint32 { return uint32(name) - 1 }

// laterBy tells how much later tag a is than b.
func laterBy(a, b uint64) int64 { return int64(a-b) << abi.MAP_LINK_TAG >> abi.MAP_LINK_TAG }

func isStolen(name uint64) bool { return name&kinds == kinds }

// tagOf is the tag of a name. Of that in a hand that was stolen there are the low bits; it
// is near the node's.
func (m *Map) tagOf(name uint64) uint64 {
	if !isStolen(name) || numberOf(name) >= m.nnodes {
		return name >> abi.MAP_LINK_TAG
	}
	const low = 64 - abi.MAP_LINK_TAG - abi.MAP_HAND_THIEF
	near := m.u64(m.node(numberOf(name))) >> abi.MAP_LINK_TAG
	return (near + uint64(int64(name>>(64-low)-near)<<(64-low)>>(64-low))) & tagMask
}

// kindOf is what a hand says of a node for the pool. Its place is not to be taken: who
// writes from Go is soon done.
func kindOf(pool int) uint64 {
	if pool == spareNodes {
		return abi.MAP_HAND_SPARE
	}
	return abi.MAP_HAND_LOCKED
}

func poolOfHand(hand uint64) int {
	if hand&abi.MAP_HAND_SPARE != 0 {
		return spareNodes
	}
	return freeNodes
}

func poolOfLink(link uint64) int {
	if link&marks == abi.MAP_LINK_REPLACED {
		return spareNodes
	}
	return freeNodes
}

// relinked is the link, changed to name another node: a new tag, no mark.
func relinked(link uint64, n uint32) uint64 {
	return link>>abi.MAP_LINK_TAG<<abi.MAP_LINK_TAG + tagOne + uint64(n)
}

func (m *Map) poolWord(pool int, n uint32) uint64 {
	return m.free + 8*(uint64(pool)*m.words()+uint64(n)/abi.MAP_POOL_NODES)
}

func poolBit(n uint32) uint64 { return 1 << (n % abi.MAP_POOL_NODES) }

func (m *Map) inPool(pool int, n uint32) bool { return m.u64(m.poolWord(pool, n))&poolBit(n) != 0 }

func (m *Map) isPooled(n uint32) bool { return m.inPool(freeNodes, n) || m.inPool(spareNodes, n) }

// limbo is where the i-th name of a node lies that may be nobody's.
func (m *Map) limbo(i uint64) uint64 { return m.free + 16*m.words() + 8*i }

func (m *Map) give(pool int, n uint32) {
	if n >= m.nnodes { // a spoilt record
		return
	}
	m.change(m.poolWord(pool, n), func(old uint64) uint64 { return (old | poolBit(n)) + 1<<abi.MAP_POOL_NODES })
	if pool == freeNodes && m.spec.Type.isLRU() {
		m.change(m.control+abi.MAP_CTL_FREED, func(old uint64) uint64 { return old + 1 })
	}
}

// hold has a node in the hand that we took out of its chain, by a name later than any that
// it had.
func (w *walk) hold(n uint32, kind uint64) {
	w.setHand(nameOf(n, w.u64(w.node(n))+2*tagOne) | kind)
}

// takeNode gets node n of a word of a pool into the hand.
func (w *walk) takeNode(n uint32, kind, at, word uint64) bool {
	link := w.u64(w.node(n))
	if w.u64(at) != word {
		return false
	}
	w.setHand(nameOf(n, link+2*tagOne) | kind)
	return w.cas(at, word, word&^poolBit(n))
}

// giveUnused gives what is in hand, and nobody knows but we, to its pool, with a tag that
// is later than all its names.
func (w *walk) giveUnused() {
	hand := w.hand()
	if n := numberOf(hand); n < w.nnodes {
		tag := (w.tagOf(hand) + 1) << abi.MAP_LINK_TAG
		w.setHand(nameOf(n, tag) | kindOf(poolOfHand(hand)))
		w.put64(w.node(n), tag|abi.MAP_LINK_END)
		w.give(poolOfHand(hand), n)
	}
	w.setHand(0)
}

// anew is what the record names the node that is filled, by a tag that it has not had.
func (w *walk) anew(name uint64, set func(uint64)) uint64 {
	set(name + tagOne)
	return name + tagOne
}
