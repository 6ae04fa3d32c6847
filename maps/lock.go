package maps

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Values with a bpf_spin_lock: what user space does about it. internal/native/map_lock.c
// and bpf_spin.c say what programs do. The lock is no part of what is read or written.

const lockSize = 4

func (s Spec) checkLock() error {
	at := s.Lock - 1
	switch {
	case s.Lock == 0:
		return nil
	case s.Type != Array && s.Type != Hash:
		return fmt.Errorf("values of %v have no bpf_spin_lock; those of an array or a hash may", s.Type.article())
	case at%lockSize != 0 || uint64(at)+lockSize > uint64(s.ValueSize):
		return fmt.Errorf("a bpf_spin_lock at byte %d of a value of %d bytes", at, s.ValueSize)
	case s.Type == Hash && s.ValueSize > abi.MAP_SCRATCH:
		return fmt.Errorf("a hash has values of at most %d bytes if there is a bpf_spin_lock in them, not %d", abi.MAP_SCRATCH, s.ValueSize)
	}
	return nil
}

// withoutLock clears the lock in a copy of a value.
func (m *Map) withoutLock(value []byte) []byte {
	if m.spec.Lock != 0 {
		clear(value[m.spec.Lock-1:][:lockSize])
	}
	return value
}

// LookupFlags is Lookup; with Lock, under the lock in the value: then the map has to be
// open for writing. The error wraps EINVAL if there is no lock.
func (m *Map) LookupFlags(key []byte, flags uint64) ([][]byte, error) {
	switch {
	case flags == 0:
		return m.Lookup(key)
	case flags != Lock || m.spec.Lock == 0:
		return nil, m.fail("lookup: flags, or there is no lock", unix.EINVAL)
	case m.file == nil:
		return nil, m.fail("lookup with a lock: it is open for reading only", unix.EBADF)
	case len(key) != int(m.spec.KeySize):
		return nil, m.fail("lookup: size of the key", unix.EINVAL)
	}
	if err := m.readable("lookup"); err != nil {
		return nil, err
	}
	var value []byte
	err := m.atValue("lookup", key, func(at uint64) error {
		m.lockValue(at)
		defer m.unlockValue(at)
		value = m.withoutLock(m.read(at, m.spec.ValueSize))
		return nil
	}, func(*walk) error { return m.fail("lookup", unix.ENOENT) })
	if err != nil {
		return nil, err
	}
	return [][]byte{value}, nil
}

// atValue does something where the key's value lies, or, if it lies nowhere, the other
// thing.
func (m *Map) atValue(what string, key []byte, do func(at uint64) error, absent func(*walk) error) error {
	if m.spec.Type == Hash {
		return m.locked(what, func(w *walk) error {
			found, ok := w.find()
			switch {
			case !ok:
				return m.fail(what, unix.EBUSY)
			case !found:
				return absent(w)
			}
			return do(m.node(w.n) + uint64(m.valueAt))
		}, key)
	}
	index := binary.LittleEndian.Uint32(key)
	if index >= m.spec.MaxEntries {
		return absent(nil)
	}
	return m.alone(what, func() error { return do(m.valueAtBlock(0, index)) })
}

// updateBesideLock is Update where values have a lock.
func (m *Map) updateBesideLock(key, value []byte, flags uint64) error {
	value = m.withoutLock(append([]byte(nil), value...))
	if m.spec.Type == Hash && flags&Lock == 0 {
		return m.locked("update", func(w *walk) error { return w.update(value, flags) }, key)
	}
	return m.atValue("update", key, func(at uint64) error {
		if flags&NoExist != 0 {
			return m.fail("update", unix.EEXIST)
		}
		if flags&Lock != 0 {
			m.lockValue(at)
			defer m.unlockValue(at)
		}
		m.writeBesideLock(at, value)
		return nil
	}, func(w *walk) error {
		if w == nil {
			return m.fail("update", unix.E2BIG)
		}
		return w.insertLocked(value, flags&^Lock)
	})
}

// insertLocked makes an entry, unless somebody else does so meanwhile.
func (w *walk) insertLocked(value []byte, flags uint64) error {
	if flags == Exist {
		return w.fail("update", unix.ENOENT)
	}
	return w.update(value, NoExist)
}

// writeBesideLock writes words, and of the one with the lock the other half.
func (m *Map) writeBesideLock(at uint64, value []byte) {
	lock := uint64(m.spec.Lock - 1)
	word := lock &^ 7
	m.write(at, value[:word])
	half := word + (4 - lock%8)
	var rest [4]byte
	if half < uint64(len(value)) {
		copy(rest[:], value[half:])
	}
	atomic.StoreUint32(word32(m.mem, at+half), binary.LittleEndian.Uint32(rest[:]))
	if behind := word + 8; behind < uint64(len(value)) {
		m.write(at+behind, value[behind:])
	}
}

// ---- the lock ----

const (
	patience = time.Second // as that of programs
	nap      = 50 * time.Microsecond
)

// ownPIDNS is the inode of our PID namespace, as far as a lock has room for it.
var ownPIDNS = sync.OnceValue(func() uint32 {
	return uint32(pidNamespace()) & abi.LOCK_NS_MASK
})

func (m *Map) lockValue(at uint64) {
	word := word32(m.mem, at+uint64(m.spec.Lock-1))
	mine := abi.LOCK_USER | ownPIDNS()<<abi.LOCK_NS | uint32(os.Getpid())
	for until := time.Now().Add(patience); ; time.Sleep(nap) {
		owner := atomic.LoadUint32(word)
		free := owner == 0 || owner == mine || m.isGone(owner) || time.Now().After(until)
		if free && atomic.CompareAndSwapUint32(word, owner, mine) {
			return
		}
	}
}

// unlockValue: who was robbed does not free what is another's by now.
func (m *Map) unlockValue(at uint64) {
	mine := abi.LOCK_USER | ownPIDNS()<<abi.LOCK_NS | uint32(os.Getpid())
	atomic.CompareAndSwapUint32(word32(m.mem, at+uint64(m.spec.Lock-1)), mine, 0)
}

// isGone: the owner is a process that is dead, or a lease that nobody has.
func (m *Map) isGone(owner uint32) bool {
	if owner&abi.LOCK_USER != 0 {
		pid := owner & (1<<abi.LOCK_NS - 1)
		return owner>>abi.LOCK_NS&abi.LOCK_NS_MASK == ownPIDNS() && unix.Kill(int(pid), 0) == unix.ESRCH
	}
	f, err := os.Open(filepath.Join(filepath.Dir(filepath.Dir(m.file.Name())), "session"))
	if err != nil || owner > abi.SESSION_NLEASES {
		return err == nil
	}
	defer f.Close()
	return isLeaseFree(f, owner-1)
}

func isLeaseFree(f *os.File, lease uint32) bool {
	holder, ok := wordOf(f, abi.SESSION_LEASES_OFF+int64(lease)*abi.SESSION_LEASE_SIZE)
	if !ok || holder == 0 || holder > abi.SESSION_NPROCS {
		return ok && holder == 0
	}
	at := abi.SESSION_PROCS_OFF + int64(holder-1)*abi.SESSION_PROC_SIZE
	state, ok := wordOf(f, at)
	ns, _ := wordOf(f, at+abi.PROC_PIDNS)
	if !ok || state&abi.SLOT_STATE != abi.SLOT_LIVE {
		return ok
	}
	return uint32(ns)&abi.LOCK_NS_MASK == ownPIDNS() && unix.Kill(int(state>>32), 0) == unix.ESRCH
}

func wordOf(f *os.File, at int64) (uint64, bool) {
	var b [8]byte
	_, err := f.ReadAt(b[:], at)
	return binary.LittleEndian.Uint64(b[:]), err == nil
}
