// Package userring writes to a user_ringbuf of the kernel's, for tests that run the kernel beside us.
//
// Protocol (kernel/bpf/ringbuf.c). The map's first page holds the position that programs have read to, the second the one
// that was written to; the data, mapped twice in a row, follow. A record is a u32 of its length, a u32 of 0, and the data,
// in whole words. Who writes and the programs that read take turns: nothing here is atomic.
package userring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Writer is the one end of a ring.
type Writer struct {
	consumer, producer []byte
	size               uint64
}

const header = 8

// Open maps the ring of this descriptor, of size bytes.
func Open(fd int, size uint32) (*Writer, error) {
	page := os.Getpagesize()
	consumer, err := unix.Mmap(fd, 0, page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("user_ringbuf: %w", err)
	}
	producer, err := unix.Mmap(fd, int64(page), page+2*int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Munmap(consumer)
		return nil, fmt.Errorf("user_ringbuf: %w", err)
	}
	return &Writer{consumer, producer, uint64(size)}, nil
}

// Write writes a record, or returns an error that wraps ENOSPC.
func (w *Writer) Write(data []byte) error {
	at, read := binary.LittleEndian.Uint64(w.producer), binary.LittleEndian.Uint64(w.consumer)
	room := header + (uint64(len(data))+7)&^7
	if room > w.size-(at-read) {
		return fmt.Errorf("user_ringbuf: a record of %d bytes: %w", len(data), unix.ENOSPC)
	}
	record := w.producer[uint64(os.Getpagesize())+at%w.size:]
	binary.LittleEndian.PutUint64(record, uint64(len(data)))
	copy(record[header:], data)
	binary.LittleEndian.PutUint64(w.producer, at+room)
	return nil
}

// Close unmaps the ring.
func (w *Writer) Close() error { return errors.Join(unix.Munmap(w.consumer), unix.Munmap(w.producer)) }
