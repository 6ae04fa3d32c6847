package maps

import (
	"bytes"
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// The write side of internal/native/map_hash.c, step by step the same; there it is
// told why. Nobody holds the last record but who has the file locked, so it takes the
// place of a lease's.

// A walk stands at a link: the one that names the key's node, or ends the chain.
type walk struct {
	*Map
	key   []byte
	given []byte // a trie's key as it was spelled
	// removing is told of the node that remove tries to take out
	removing func(n uint32)
	head     uint64
	first    uint64 // value of the head when the walk began
	at       uint64 // where the link lies
	link     uint64
	n        uint32 // the node
	next     uint64 // its own link
	budget   int
	oldest   bool // the last node is looked for, whatever its key
}

// locked runs an operation of a hash, one at a time of all that are not programs.
func (m *Map) locked(what string, do func(*walk) error, key []byte) error {
	given := key
	if m.spec.Type == LPMTrie {
		if key = m.prefix(key, lengthOf(key)); key == nil {
			return m.fail(what+": length of the prefix", unix.EINVAL)
		}
	}
	return m.alone(what, func() error {
		w := &walk{Map: m, key: key, given: given, head: m.headOf(key), budget: longest}
		if w.hand() != 0 || w.victim() != 0 {
			w.recover()
		}
		err := do(w)
		if w.hand() != 0 {
			w.giveUnused()
		}
		return err
	})
}

// alone does something while nobody else does who is not a program.
func (m *Map) alone(what string, do func() error) error {
	m.writer.Lock()
	defer m.writer.Unlock()
	if err := lock(m.file); err != nil {
		return fmt.Errorf("maps: %s: %s: lock: %w", m.name, what, err)
	}
	defer unix.Flock(int(m.file.Fd()), unix.LOCK_UN)
	return do()
}

func (m *Map) record(lease uint64) uint64 { return m.records + lease*abi.MAP_REC_SIZE }

const nobody = abi.MAP_NRECORDS - 1

func (w *walk) spare() uint64      { return w.u64(w.record(nobody) + abi.MAP_REC_SPARE) }
func (w *walk) hand() uint64       { return w.u64(w.record(nobody) + abi.MAP_REC_HAND) }
func (w *walk) victim() uint64     { return w.u64(w.record(nobody) + abi.MAP_REC_VICTIM) }
func (w *walk) setSpare(v uint64)  { w.put64(w.record(nobody)+abi.MAP_REC_SPARE, v) }
func (w *walk) setHand(v uint64)   { w.put64(w.record(nobody)+abi.MAP_REC_HAND, v) }
func (w *walk) setVictim(v uint64) { w.put64(w.record(nobody)+abi.MAP_REC_VICTIM, v) }

// change sets a word that others change as well.
func (m *Map) change(at uint64, how func(uint64) uint64) {
	for {
		if old := m.u64(at); m.cas(at, old, how(old)) {
			return
		}
	}
}

// take gets a node of a pool into the hand.
func (w *walk) take(pool int) bool {
	for i := range uint32(w.words()) {
		at := w.poolWord(pool, i*abi.MAP_POOL_NODES)
		for word := w.u64(at); uint32(word) != 0 && w.budget > 0; word = w.u64(at) {
			n := i*abi.MAP_POOL_NODES + uint32(bits.TrailingZeros64(word))
			if n >= w.nnodes {
				break
			}
			if w.takeNode(n, kindOf(pool), at, word) {
				return true
			}
			w.budget--
		}
	}
	w.setHand(0)
	return false
}

func (w *walk) fromHead() {
	w.at, w.first = w.head, w.u64(w.head)
	w.link = w.first
}

// find walks to the key. ok is false when others change the chain all the time.
func (w *walk) find() (found, ok bool) {
	for w.fromHead(); w.budget > 0; w.budget-- {
		if uint32(w.link) >= w.nnodes {
			return false, true
		}
		w.n = uint32(w.link)
		w.next = w.u64(w.node(w.n))
		same := bytes.Equal(w.keyOf(w.n), w.key)
		if w.oldest {
			same = w.isLast()
		}
		switch {
		case w.u64(w.at) != w.link:
			w.fromHead()
		case w.next&marks != 0:
			if !w.unlinkMarked() {
				w.fromHead()
			}
		case same:
			return true, true
		default:
			w.at, w.link = w.node(w.n), w.next
		}
	}
	return false, false
}

func (w *walk) unlinkMarked() bool {
	after := relinked(w.link, uint32(w.next))
	w.setVictim(nameOf(w.n, w.next))
	done := w.cas(w.at, w.link, after)
	if done {
		w.give(poolOfLink(w.next), w.n)
		if w.at == w.head {
			w.first = after
		}
		w.link = after
	}
	w.setVictim(0)
	return done
}

// update tries until nobody comes in between. A try costs too: in a spoilt map the node in
// hand may be the very one that it is to replace, and none ever succeeds.
func (w *walk) update(value []byte, flags uint64) error {
	for ; ; w.budget-- {
		found, ok := w.find()
		switch {
		case !ok:
			return w.fail("update", unix.EBUSY)
		case found && flags == NoExist:
			return w.fail("update", unix.EEXIST)
		case !found && flags == Exist:
			return w.fail("update", unix.ENOENT)
		case found && w.nslots != 0:
			w.setValues(w.n, value)
			w.setRef(w.n, 1)
			return nil
		}
		change := w.insert
		if found {
			change = w.replace
		}
		if done, errno := change(value); done {
			return nil
		} else if errno != 0 {
			return w.fail("update", errno)
		}
	}
}

// fill fills the node, which has the tag of its name then.
func (w *walk) fill(name uint64, next uint32, value []byte, used uint64) {
	n := numberOf(name)
	at := w.node(n)
	w.put64(at, name&^(tagOne-1)|uint64(next))
	w.write(at+8, w.key)
	if w.spec.Type == LPMTrie {
		w.write(at+8+uint64(padded(w.spec.KeySize)), w.given)
	}
	w.setRef(n, used)
	if w.nslots != 0 {
		w.setValues(n, value)
	} else {
		w.write(at+uint64(w.valueAt), value)
	}
}

func (w *walk) insert(value []byte) (done bool, errno unix.Errno) {
	if w.hand() == 0 && !w.takeOrWait() {
		return false, w.fullError()
	}
	if w.spec.Type == LPMTrie {
		w.noteLength(lengthOf(w.key))
	}
	name := w.anew(w.hand(), w.setHand)
	n := numberOf(name)
	if n >= w.nnodes {
		return false, unix.EBUSY
	}
	w.fill(name, uint32(w.first), value, 0)
	if !w.cas(w.head, w.first, relinked(w.first, n)) {
		return false, 0
	}
	w.setHand(0)
	return true, 0
}

// takeOrWait gets a node for an entry into the hand. Programs take the place of somebody
// who is stopped with the last free node in hand (map_steal.c); we can wait for it, a
// little.
func (w *walk) takeOrWait() bool {
	for range 20 {
		if w.take(freeNodes) || w.spec.Type.isLRU() && w.evict() {
			return true
		}
		if !w.inOtherHands() {
			return w.take(freeNodes)
		}
		time.Sleep(500 * time.Microsecond)
	}
	return false
}

func (m *Map) inOtherHands() bool {
	for lease := range min(m.u64(m.control+abi.MAP_CTL_LEASES), nobody) {
		if hand := m.u64(m.record(lease) + abi.MAP_REC_HAND); hand != 0 && hand&abi.MAP_HAND_SPARE == 0 {
			return true
		}
	}
	return false
}

// fullError is what the kernel says when there is no room.
func (w *walk) fullError() unix.Errno {
	switch {
	case w.spec.Type == LPMTrie:
		return unix.ENOSPC
	case w.spec.Type.isLRU():
		return unix.ENOMEM
	}
	return unix.E2BIG
}

func (w *walk) isLast() bool { return uint32(w.next) >= w.nnodes }

// freeze freezes the node's own link, so that it names next.
func (w *walk) freeze(next uint32, mark uint64) bool {
	w.setVictim(nameOf(w.n, w.next+tagOne))
	return w.isLast() || w.cas(w.node(w.n), w.next, relinked(w.next, next)|mark)
}

func (w *walk) takeOut(next uint32) bool { return w.cas(w.at, w.link, relinked(w.link, next)) }

// replacement names the node in hand, or the spare.
func (w *walk) replacement() uint64 {
	if w.hand() == 0 && w.spare() == 0 {
		if w.take(spareNodes) {
			w.setSpare(w.hand() &^ kinds)
			w.setHand(0)
		} else {
			w.take(freeNodes)
		}
	}
	if hand := w.hand(); hand != 0 {
		return w.anew(hand, w.setHand)
	}
	return w.anew(w.spare(), w.setSpare)
}

func (w *walk) replace(value []byte) (done bool, errno unix.Errno) {
	name := w.replacement()
	n := numberOf(name)
	if n >= w.nnodes {
		return false, unix.EBUSY
	}
	mark, spare := uint64(marks), w.hand() == 0
	if spare {
		mark = abi.MAP_LINK_REPLACED
	}
	w.fill(name, uint32(w.next), value, 1)
	if !w.freeze(n, mark) {
		w.setVictim(0)
		return false, 0
	}
	ours := w.takeOut(n)
	if !ours && w.isLast() {
		w.setVictim(0)
		return false, 0
	}
	switch {
	case spare && ours:
		w.setSpare(nameOf(w.n, w.next+2*tagOne))
	case spare:
		w.setSpare(0)
	case ours:
		w.give(freeNodes, w.n)
	}
	w.setVictim(0)
	w.setHand(0)
	if !ours {
		w.sweep()
	}
	return true, 0
}

func (w *walk) remove() error {
	for ; ; w.budget-- {
		found, ok := w.find()
		if !ok {
			return w.fail("delete", unix.EBUSY)
		}
		if !found {
			return w.fail("delete", unix.ENOENT)
		}
		if w.removing != nil { // what it reads is the node's if it is removed then
			w.removing(w.n)
		}
		if w.removeFound() {
			return nil
		}
	}
}

// removeFound removes the node where the walk stands, unless somebody was faster.
func (w *walk) removeFound() bool {
	frozen := w.freeze(uint32(w.next), abi.MAP_LINK_DELETED)
	last := w.isLast()
	ours := frozen && w.takeOut(uint32(w.next))
	switch {
	case ours:
		w.give(freeNodes, w.n)
	case frozen && !last:
		w.sweep()
	}
	w.setVictim(0)
	return ours || frozen && !last
}

// sweep unlinks what is marked in the key's chain. All keys of a stack are the same.
func (w *walk) sweep() {
	w.oldest = w.spec.Type == Stack
	w.find()
	w.oldest = false
}
