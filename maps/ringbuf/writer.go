package ringbuf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// A Writer writes records into a user_ringbuf, for programs that drain it. There is one
// at a time. It is for one goroutine.
type Writer struct {
	m    *maps.Map
	mem  []byte
	lock *os.File
	size uint64
}

// OpenWriter opens a user_ringbuf to write to.
func OpenWriter(path string) (*Writer, error) {
	m, err := maps.OpenWriter(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{m: m, mem: m.Memory(), size: m.Spec().Stride()}
	if m.Spec().Type != maps.UserRingbuf {
		err = fmt.Errorf("ringbuf: %s is no user_ringbuf, but %v", path, m.Spec())
	}
	if err == nil {
		w.lock, err = os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	}
	if err == nil && unix.Flock(int(w.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		w.lock.Close()
		err = fmt.Errorf("ringbuf: somebody else writes to %s", path)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return w, nil
}

// Close lets another writer in.
func (w *Writer) Close() error { return errors.Join(w.lock.Close(), w.m.Close()) }

// Write writes a record, or returns an error that wraps ENOSPC when it has no room now,
// E2BIG when it never has.
func (w *Writer) Write(data []byte) error {
	room := abi.RING_HEADER + (uint64(len(data))+7)&^7
	if room > w.size {
		return fmt.Errorf("ringbuf: a record of %d bytes: %w", len(data), unix.E2BIG)
	}
	at, read := atomic.LoadUint64(word64(w.mem, abi.MAP_RING_PRODUCER)), atomic.LoadUint64(word64(w.mem, abi.MAP_RING_CONSUMER))
	if used := at - read; used > w.size || room > w.size-used {
		return fmt.Errorf("ringbuf: a record of %d bytes: %w", len(data), unix.ENOSPC)
	}
	w.put(at, uint64(len(data)))
	for i := 0; i < len(data); i += 8 {
		var word [8]byte
		copy(word[:], data[i:])
		w.put(at+abi.RING_HEADER+uint64(i), binary.LittleEndian.Uint64(word[:]))
	}
	atomic.StoreUint64(word64(w.mem, abi.MAP_RING_PRODUCER), at+room)
	return nil
}

func (w *Writer) put(pos, v uint64) {
	atomic.StoreUint64(word64(w.mem, abi.MAP_RING_OFF+pos%w.size&^7), v)
}
