package maps

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// What a writer had in hand when it was killed: internal/native/map_lost.c says how
// the next one finds out whose it is.

// isLinked: is the node in a chain, marked or not? When in doubt, yes.
func (m *Map) isLinked(n uint32) bool {
	head := m.headOf(m.keyOf(n))
	var first, second []uint64
	for range mostTries {
		first, second = m.follow(head, first[:0]), m.follow(head, second[:0])
		if slices.Equal(first, second) {
			return slices.ContainsFunc(first, func(link uint64) bool { return uint32(link) == n })
		}
	}
	return true
}

func (m *Map) isNamed(n uint32) bool {
	for lease := range uint64(nobody) {
		r := m.record(lease)
		for _, at := range []uint64{abi.MAP_REC_VICTIM, abi.MAP_REC_HAND, abi.MAP_REC_SPARE} {
			if uint32(m.u64(r+at)) == n+1 {
				return true
			}
		}
	}
	return false
}

// isOurs: does nobody know the node but our record?
func (m *Map) isOurs(number uint64) bool {
	n := uint32(number) - 1
	if number == 0 || n >= m.nnodes {
		return false
	}
	link := m.u64(m.node(n))
	if m.isLinked(n) {
		return false
	}
	for range 2 {
		if m.isNamed(n) || m.inPool(freeNodes, n) || m.inPool(spareNodes, n) {
			return false
		}
	}
	return m.u64(m.node(n)) == link
}

func (w *walk) recover() {
	victim, hand := w.victim(), w.hand()
	published := w.spare() != 0 && !w.isOurs(w.spare())
	if victim != w.spare() && w.isOurs(victim) {
		if published {
			w.setSpare(victim)
		} else {
			w.give(poolOfLink(w.u64(w.node(uint32(victim)-1))), uint32(victim)-1)
		}
		published = false
	}
	if published {
		w.setSpare(0)
	}
	w.setVictim(0)
	if number := uint64(uint32(hand)); number != victim && number != w.spare() && w.isOurs(number) {
		w.give(poolOfHand(hand), uint32(hand)-1)
	}
	w.setHand(0)
	if n := uint32(victim) - 1; n < w.nnodes && w.u64(w.node(n))&marks != 0 {
		(&walk{Map: w.Map, key: w.keyOf(n), head: w.headOf(w.keyOf(n)), budget: longest}).sweep()
	}
}
