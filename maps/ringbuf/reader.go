package ringbuf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// ErrTaken is wrapped when the ring has a consumer already.
var ErrTaken = errors.New("ringbuf: somebody else reads this ring")

// ErrDamaged is wrapped when records could not be told apart any more. Reading goes on
// behind them.
var ErrDamaged = errors.New("ringbuf: damaged")

const (
	posMask = 1<<abi.RING_POS_BITS - 1
	lenMask = 1<<abi.RING_LEN_BITS - 1
)

// A Record is what a program has submitted.
type Record struct {
	Data  []byte
	Lease int // under which the program ran
	CPU   int // on which it ran, in a perf_event_array; else -1
}

// A Reader is the consumer of a ring. It is for one goroutine.
type Reader struct {
	m      *maps.Map
	lock   *os.File
	mem    []byte
	leases Leases

	words     uint64 // of the ring
	read      uint64 // position of the next record
	waited    suspect
	abandoned uint64
	wakeups   bool
}

// Open locks the ring and reads from where the last consumer ended. leases is the
// session whose processes produce; nil: records that nobody submits are waited for.
func Open(path string, leases Leases) (*Reader, error) {
	m, err := maps.OpenWriter(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{m: m, mem: m.Memory(), leases: leases, words: m.Spec().Stride() / 8}
	if !m.Spec().Type.IsRing() {
		m.Close()
		return nil, fmt.Errorf("ringbuf: %s is %v", path, m.Spec())
	}
	if IsRecorder(m.Spec()) {
		m.Close()
		return nil, fmt.Errorf("ringbuf: %s is a flight recorder: nobody consumes its records", path)
	}
	if err := r.take(path); err != nil {
		m.Close()
		return nil, err
	}
	r.resume()
	return r, nil
}

func (r *Reader) take(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("ringbuf: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if err == unix.EWOULDBLOCK {
			return fmt.Errorf("%w: %s: process %d", ErrTaken, path, uint32(r.word(abi.MAP_RING_READER)))
		}
		return fmt.Errorf("ringbuf: %s: lock: %w", path, err)
	}
	r.lock = f
	r.put(abi.MAP_RING_READER, uint64(os.Getpid()))
	return nil
}

// resume empties what the last consumer has delivered and not given back.
func (r *Reader) resume() {
	consumed := r.word(abi.MAP_RING_CONSUMER)
	r.read = r.word(abi.MAP_RING_READ)
	if back := r.read - consumed; back > r.words*8 || r.read%8 != 0 || back/8 > r.used(consumed) {
		r.read = consumed &^ 7
		r.put(abi.MAP_RING_READ, r.read)
	}
	r.giveBack(consumed)
}

// Close lets another consumer in.
func (r *Reader) Close() error {
	if r.mem == nil {
		return nil
	}
	r.put(abi.MAP_RING_READER, 0)
	r.mem = nil
	return errors.Join(r.lock.Close(), r.m.Close())
}

// Dropped counts the records for which the ring had no room; Abandoned those that were
// reserved by runs that ended without submitting them.
func (r *Reader) Dropped() uint64   { return r.m.Misses() + r.m.Busy() }
func (r *Reader) Abandoned() uint64 { return r.abandoned }

// AskForWakeups has Read sleep until a program wakes it, which is a system call of the
// traced process (futex) for each time that Read has slept: not for one whose filter
// kills for it. Without, Read looks again and again.
func (r *Reader) AskForWakeups() { r.wakeups = true }

// longest is how long Read sleeps before it looks again.
const longest = 10 * time.Millisecond

// Read returns the next record, or the context's error.
func (r *Reader) Read(ctx context.Context) (Record, error) {
	for pause := time.Duration(0); ; pause = min(2*pause+100*time.Microsecond, longest) {
		rec, ok, err := r.Next()
		if ok || err != nil {
			return rec, err
		}
		if r.wakeups && pause > time.Millisecond { // while records come fast, nobody has to wake us
			if rec, ok, err = r.sleep(); ok || err != nil {
				return rec, err
			}
			if ctx.Err() != nil {
				return Record{}, ctx.Err()
			}
			continue
		}
		select {
		case <-ctx.Done():
			return Record{}, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// sleep waits for a program to wake us, unless there is a record by the time that
// programs are told to.
func (r *Reader) sleep() (Record, bool, error) {
	sleeper := word32(r.mem, abi.MAP_RING_SLEEPER)
	atomic.StoreUint32(sleeper, 1)
	defer atomic.StoreUint32(sleeper, 0)
	rec, ok, err := r.Next()
	if !ok && err == nil {
		waitWord(sleeper, 1, longest)
	}
	return rec, ok, err
}

// Next returns the next record, if it is there.
func (r *Reader) Next() (rec Record, ok bool, err error) {
	for {
		last := r.word(abi.MAP_RING_PRODUCER)
		used := (last&posMask - r.read/8) & posMask
		if used == 0 {
			return Record{}, false, nil
		}
		h, wait, err := r.header(last, used)
		if err != nil {
			r.advance(used)
			return Record{}, false, err
		}
		if wait {
			return Record{}, false, nil
		}
		if h.skip {
			r.advance(h.words)
			continue
		}
		rec = Record{r.copy(h.len), h.lease, -1}
		r.advance(h.words)
		if r.m.Spec().Type == maps.PerfEventArray {
			err = rec.takeCPU()
		}
		return rec, err == nil, err
	}
}

// takeCPU parts a record of a perf_event_array from what stands before its data.
func (r *Record) takeCPU() error {
	if len(r.Data) < abi.PERF_HEADER {
		return fmt.Errorf("%w: a record of %d bytes, which has no room for its CPU", ErrDamaged, len(r.Data))
	}
	r.CPU, r.Data = int(binary.LittleEndian.Uint32(r.Data)), r.Data[abi.PERF_HEADER:]
	return nil
}

// A header, as far as a consumer has to know.
type header struct {
	len   uint32 // bytes
	words uint64 // with the header
	lease int
	skip  bool // discarded, or abandoned
}

// header reads the one at the read position, of a ring with used words in use. wait:
// its record is not submitted yet.
func (r *Reader) header(last, used uint64) (h header, wait bool, err error) {
	word := r.at(r.read / 8)
	h, n, id := r.parse(word, last)
	if n&abi.RING_WRITTEN == 0 || h.words == 0 || h.words > used || used > r.words {
		return h, false, fmt.Errorf("%w: a header %#x at position %d, where %d of %d bytes are in use: %d bytes are given up",
			ErrDamaged, word, r.read, used*8, r.words*8, used*8)
	}
	if n&abi.RING_BUSY != 0 {
		over := r.isOver(id, n&abi.RING_HELPED == 0)
		if r.at(r.read/8) != word { // it was submitted, and then its run ended
			return r.header(last, used)
		}
		if !over {
			return h, true, nil
		}
		r.abandoned++
	}
	h.skip = n&(abi.RING_BUSY|abi.RING_DISCARD) != 0
	return h, false, nil
}

// parse returns a header with its first word, length and flags, and its second one, of
// lease, link and run. One that is not written, because its producer was overtaken or
// killed, is that of the last record, whose length and lease the producers' word has.
func (r *Reader) parse(word, last uint64) (h header, n, id uint32) {
	n, id = uint32(word), uint32(word>>32)
	h.len = n & abi.RING_LEN
	h.words = (uint64(h.len)+7)/8 + 1
	if word == r.empty(r.read/8) {
		n, id = abi.RING_WRITTEN|abi.RING_BUSY|abi.RING_HELPED, uint32(last>>abi.RING_LEASE_SHIFT)
		h.words = last >> abi.RING_LEN_SHIFT & lenMask
		if h.words != (last&posMask-r.read/8)&posMask {
			n = 0 // another record lies behind it, so it was written once
		}
	}
	h.lease = int(id >> abi.RING_HDR_LEASE & (abi.SESSION_NLEASES - 1))
	return h, n, id
}

// copy copies the record at the read position.
func (r *Reader) copy(n uint32) []byte {
	b := make([]byte, 0, n+7)
	for p := r.read/8 + 1; uint32(len(b)) < n; p++ {
		b = binary.LittleEndian.AppendUint64(b, r.at(p))
	}
	return b[:n:n]
}

// advance delivers what lies behind the read position, and gives it back.
func (r *Reader) advance(words uint64) {
	from := r.read
	r.read += words * 8
	r.waited = suspect{}
	r.put(abi.MAP_RING_READ, r.read)
	r.giveBack(from)
}

// giveBack empties the ring from a position to the read position, for its next lap.
func (r *Reader) giveBack(from uint64) {
	n := min((r.read-from)/8, r.words)
	for p := r.read/8 - n; p < r.read/8; p++ {
		atomic.StoreUint64(r.place(p), r.empty(p+r.words))
	}
	r.put(abi.MAP_RING_CONSUMER, r.read)
}

// ---- positions in words ----

// empty is what a word of a position holds while no record does.
func (r *Reader) empty(pos uint64) uint64 {
	return pos & posMask >> bits.TrailingZeros64(r.words) << 32
}

// used is how many words behind a position in bytes are in use.
func (r *Reader) used(behind uint64) uint64 {
	return (r.word(abi.MAP_RING_PRODUCER) - behind/8) & posMask
}

func (r *Reader) place(pos uint64) *uint64 { return word64(r.mem, abi.MAP_RING_OFF+pos%r.words*8) }
func (r *Reader) at(pos uint64) uint64     { return atomic.LoadUint64(r.place(pos)) }
func (r *Reader) word(at uint64) uint64    { return atomic.LoadUint64(word64(r.mem, at)) }
func (r *Reader) put(at, v uint64)         { atomic.StoreUint64(word64(r.mem, at), v) }
