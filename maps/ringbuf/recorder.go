package ringbuf

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// A Recorder reads a ring that overwrites its oldest records (BPF_F_RB_OVERWRITE): what
// is there, without taking it away, at any time and any number of readers. How it is
// laid out, and why a copy of a chunk is whole, is told in internal/native/map_recorder.c.
type Recorder struct {
	m     *maps.Map
	mem   []byte
	chunk uint64 // bytes
	seen  uint64 // number of the last record that was returned
	gone  uint64 // records before it that were not
}

// IsRecorder tells whether a map is a flight recorder.
func IsRecorder(s maps.Spec) bool { return s.Type == maps.Ringbuf && s.Flags&abi.RING_OVERWRITE != 0 }

// OpenRecorder opens a flight recorder.
func OpenRecorder(path string) (*Recorder, error) {
	m, err := maps.Open(path)
	if err != nil {
		return nil, err
	}
	if !IsRecorder(m.Spec()) {
		m.Close()
		return nil, fmt.Errorf("ringbuf: %s is no flight recorder, but %v", path, m.Spec())
	}
	return &Recorder{m: m, mem: m.Memory(), chunk: min(m.Spec().Stride()/abi.RECORDER_CHUNKS, abi.RECORDER_LARGEST)}, nil
}

// Close closes the map.
func (r *Recorder) Close() error { return r.m.Close() }

// Dropped counts the records for which there was no chunk, or that were longer than one.
func (r *Recorder) Dropped() uint64 { return r.m.Misses() + r.m.Busy() }

// Gone counts records that were overwritten before a call of Next came to them.
func (r *Recorder) Gone() uint64 { return r.gone }

type numbered struct {
	seq uint64
	Record
}

// Next returns the records that came since the last call, in their order.
func (r *Recorder) Next() (out []Record) {
	all := r.all()
	if r.hasGap(all) { // a record has its number before it can be seen
		time.Sleep(time.Millisecond)
		all = r.all()
	}
	for _, rec := range all {
		if rec.seq <= r.seen {
			continue
		}
		r.gone += rec.seq - r.seen - 1
		r.seen = rec.seq
		out = append(out, rec.Record)
	}
	return out
}

// all are the records that are there, by their number.
func (r *Recorder) all() (all []numbered) {
	for at := uint64(0); at < r.m.Spec().Stride(); at += r.chunk {
		all = append(all, r.parse(r.copy(abi.MAP_RING_OFF+at))...)
	}
	slices.SortFunc(all, func(a, b numbered) int { return cmp.Compare(a.seq, b.seq) })
	return all
}

// hasGap tells whether one of the last numbers is missing.
func (r *Recorder) hasGap(all []numbered) bool {
	const last = 256
	next := r.word(abi.MAP_DATA_OFF+abi.MAP_CTL_SEQ) + 1
	for i := len(all) - 1; i >= 0 && all[i].seq > r.seen && all[i].seq+last > next; i-- {
		if all[i].seq+1 != next {
			return true
		}
		next = all[i].seq
	}
	return false
}

// tries is how often a chunk is copied that is overwritten meanwhile: its records are
// the newest then, and come with the next call.
const tries = 8

// copy returns a chunk's records, and the state that it had all the while.
func (r *Recorder) copy(at uint64) (records []byte, state uint64) {
	const taken = 1<<abi.RECORDER_WRITING - 1<<abi.RECORDER_TAKEN
	for range tries {
		state = r.word(at)
		n := min(state>>abi.RECORDER_FILLED&0xffff*8, r.chunk-abi.RECORDER_HEAD)
		records = bytes.Clone(r.mem[at+abi.RECORDER_HEAD:][:n])
		if (r.word(at)^state)&taken == 0 {
			return records, state
		}
	}
	return nil, 0
}

// parse takes a chunk apart, up to what cannot be right.
func (r *Recorder) parse(b []byte, state uint64) (out []numbered) {
	lease := int(state >> abi.RING_HDR_LEASE & (abi.SESSION_NLEASES - 1))
	for len(b) >= abi.RECORDER_RECORD {
		seq, n := binary.LittleEndian.Uint64(b[abi.RECORDER_SEQ:]), uint64(binary.LittleEndian.Uint32(b[abi.RECORDER_LEN:]))
		room := abi.RECORDER_RECORD + (n+7)&^7
		if seq == 0 || room > uint64(len(b)) {
			break
		}
		out = append(out, numbered{seq, Record{b[abi.RECORDER_RECORD:][:n:n], lease, -1}})
		b = b[room:]
	}
	return out
}

func (r *Recorder) word(at uint64) uint64 { return atomic.LoadUint64(word64(r.mem, at)) }
