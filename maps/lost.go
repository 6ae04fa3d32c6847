package maps

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// What a writer had in hand when it was killed: internal/native/map_lost.c says how
// the next one finds out whose it is.

type whose int

const (
	notOurs whose = iota
	unsure
	ours
)

const looks = 3

// isUnlinked: is the node in no chain, marked or not?
func (m *Map) isUnlinked(n uint32) whose {
	head := m.headOf(m.keyOf(n))
	var first, second []uint64
	for range mostTries {
		first, second = m.follow(head, first[:0]), m.follow(head, second[:0])
		if !slices.Equal(first, second) {
			continue
		}
		if slices.ContainsFunc(first, func(link uint64) bool { return uint32(link) == n }) {
			return notOurs
		}
		return ours
	}
	return unsure
}

// compare tells whether our name of a node is later than another record's. What was stolen
// is so.
func (m *Map) compare(name, other uint64) whose {
	if uint32(name) != uint32(other) {
		return ours
	}
	switch later := laterBy(m.tagOf(name), m.tagOf(other)); {
	case later > 0 || later == 0 && isStolen(name) && !isStolen(other):
		return ours
	case later < 0 || isStolen(other) && !isStolen(name):
		return notOurs
	}
	return unsure
}

// compareAll compares with the names of all records but not's.
func (m *Map) compareAll(name uint64, not uint64) whose {
	r := ours
	for lease := range uint64(abi.MAP_NRECORDS) {
		if lease == not {
			continue
		}
		for _, at := range []uint64{abi.MAP_REC_VICTIM, abi.MAP_REC_HAND, abi.MAP_REC_SPARE} {
			r = min(r, m.compare(name, m.u64(m.record(lease)+at)))
		}
	}
	return r
}

// isOld: somebody else had the node since it was named so.
func (m *Map) isOld(name, link uint64) bool {
	return laterBy(link>>abi.MAP_LINK_TAG, m.tagOf(name)) > 0
}

// whose is the node, of which the record says so by this name?
func (m *Map) whose(record, name uint64) whose {
	n := numberOf(name)
	if n >= m.nnodes {
		return notOurs
	}
	link, r := m.u64(m.node(n)), ours
	for range looks {
		r = min(r, m.isUnlinked(n), m.compareAll(name, record))
		if m.isPooled(n) {
			return notOurs
		}
	}
	if m.u64(m.node(n)) != link || m.isOld(name, link) {
		r = min(r, unsure)
	}
	return r
}

// doubt has a node looked at again. Where there is no room left it is lost.
func (m *Map) doubt(pool int, name uint64) {
	tag, link := m.tagOf(name), m.u64(m.node(numberOf(name)))
	if m.isOld(name, link) {
		tag = link >> abi.MAP_LINK_TAG
	}
	for i := range uint64(abi.MAP_NLIMBO) {
		if m.u64(m.limbo(i)) == 0 && m.cas(m.limbo(i), 0, nameOf(numberOf(name), tag<<abi.MAP_LINK_TAG)|kindOf(pool)) {
			return
		}
	}
}

// spareIsGone: it was published when the writer was killed, and then the one that it
// replaced is the spare one.
func (w *walk) spareIsGone() bool {
	if w.spare() == 0 {
		return false
	}
	r := w.whose(nobody, w.spare())
	if r == unsure {
		w.doubt(spareNodes, w.spare())
	}
	return r != ours
}

func (w *walk) recoverVictim(gone bool) {
	victim := w.victim()
	n := numberOf(victim)
	if n >= w.nnodes {
		return
	}
	link := w.u64(w.node(n))
	r := w.whose(nobody, victim)
	last := link&marks == 0 && (link+tagOne)>>abi.MAP_LINK_TAG == victim>>abi.MAP_LINK_TAG
	if r == unsure && gone && last && w.u64(w.node(n)) == link { // who replaced a last node has it
		r = ours
	}
	switch {
	case r == unsure && gone:
		w.doubt(spareNodes, victim)
	case r == unsure:
		w.doubt(poolOfLink(link), victim)
	case r == ours && gone:
		w.setSpare(victim + tagOne)
	case r == ours:
		w.give(poolOfLink(link), n)
	}
}

func (w *walk) recoverHand() {
	hand := w.hand()
	n := numberOf(hand)
	if n >= w.nnodes {
		return
	}
	name := hand
	if link := w.u64(w.node(n)); w.isOld(hand, link) {
		name = nameOf(n, link) | kindOf(poolOfHand(hand))
	}
	switch r := w.whose(nobody, name); {
	case r == ours && name == hand:
		w.giveUnused()
	case r != notOurs:
		w.doubt(poolOfHand(hand), name)
	}
}

func (w *walk) recover() {
	victim, hand, spare := w.victim(), w.hand(), w.spare()
	gone := w.spareIsGone()
	if uint32(victim) != 0 && uint32(victim) != uint32(spare) && uint32(victim) != uint32(hand) {
		w.recoverVictim(gone)
	}
	if gone && w.spare() == spare {
		w.setSpare(0)
	}
	w.setVictim(0)
	if uint32(hand) != 0 && uint32(hand) != uint32(w.spare()) {
		w.recoverHand()
	}
	w.setHand(0)
	if n := numberOf(victim); n < w.nnodes && w.u64(w.node(n))&marks != 0 {
		(&walk{Map: w.Map, key: w.keyOf(n), head: w.headOf(w.keyOf(n)), budget: longest}).sweep()
	}
}
