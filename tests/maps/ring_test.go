package maps_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/maps/ringbuf"
)

func ringOf(size uint32) maps.Spec { return maps.Spec{Type: maps.Ringbuf, MaxEntries: size} }

func openRing(t testing.TB, path string, leases ringbuf.Leases) *ringbuf.Reader {
	t.Helper()
	r, err := ringbuf.Open(path, leases)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func openLeases(t testing.TB, session string) *ringbuf.Session {
	t.Helper()
	s, err := ringbuf.OpenSession(filepath.Dir(session))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A produced record, as testdata/produce.c makes them.
type produced struct{ lease, number uint32 }

func parseRecord(t testing.TB, data []byte) produced {
	t.Helper()
	if len(data) < 12 {
		t.Fatalf("a record of %d bytes", len(data))
	}
	p := produced{binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[4:])}
	if n := binary.LittleEndian.Uint32(data[8:]); n != uint32(len(data)-12) {
		t.Fatalf("record %v of %d bytes says %d", p, len(data), n)
	}
	for i, b := range data[12:] {
		if b != byte(p.number)+byte(i*3) {
			t.Fatalf("record %v is torn at byte %d", p, i)
		}
	}
	if p.number%5 == 0 {
		t.Fatalf("record %v was discarded", p)
	}
	return p
}

// TestManyProducers: of 2 processes with 4 threads each, every record that was sent
// comes, whole, once, and in order of its producer; all others were dropped.
func TestManyProducers(t *testing.T) {
	records := 4000
	if os.Getenv(torture) != "" {
		records = 1_000_000
	}
	for _, size := range []uint32{4096, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			session, path := makeSession(t), makeMap(t, ringOf(size))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			said := make(chan []byte, 2)
			for i := range cap(said) {
				cmd := exec.Command(build(t, "testdata/produce.c", "-pthread"), session, path, fmt.Sprint(10+i*4), "4", fmt.Sprint(records), "300")
				go func() {
					out, err := cmd.CombinedOutput()
					if err != nil {
						t.Error(err)
					}
					if said <- out; len(said) == cap(said) {
						cancel()
					}
				}()
			}
			r := openRing(t, path, nil)
			got := receiveAll(t, ctx, r)
			compareSent(t, got, r, append(<-said, <-said...))
		})
	}
}

// receiveAll counts the records of each lease, until the context ends and the ring is
// empty.
func receiveAll(t *testing.T, ctx context.Context, r *ringbuf.Reader) map[uint32]int {
	t.Helper()
	got, last := map[uint32]int{}, map[uint32]uint32{}
	for {
		rec, err := r.Read(ctx)
		if errors.Is(err, context.Canceled) {
			var ok bool
			if rec, ok, err = r.Next(); !ok && err == nil {
				return got
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		p := parseRecord(t, rec.Data)
		if p.number <= last[p.lease] || rec.Lease != int(p.lease) {
			t.Fatalf("record %v under lease %d, behind %d", p, rec.Lease, last[p.lease])
		}
		last[p.lease] = p.number
		got[p.lease]++
	}
}

// compareSent compares with what the producers say, "LEASE SENT DROPPED" a line.
func compareSent(t *testing.T, got map[uint32]int, r *ringbuf.Reader, said []byte) {
	t.Helper()
	var dropped uint64
	for line := range bytes.Lines(said) {
		var lease, sent, lost uint32
		if _, err := fmt.Sscan(string(line), &lease, &sent, &lost); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got[lease] != int(sent) {
			t.Errorf("of %d records of lease %d, %d came", sent, lease, got[lease])
		}
		dropped += uint64(lost)
	}
	if len(got) != 8 || r.Dropped() != dropped || r.Abandoned() != 0 {
		t.Errorf("%d producers; %d records dropped, %d counted; %d abandoned", len(got), dropped, r.Dropped(), r.Abandoned())
	}
	t.Logf("%d dropped", dropped)
}

// produceOne has a program send a record, and returns its result.
func produceOne(t *testing.T, session, path, how string, lease, size int) unix.Errno {
	t.Helper()
	return follow(t, session, path, operation{how, lease, []byte{0}, pattern(size), uint64(size)}).finish()
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + n)
	}
	return b
}

// TestRingFull: a ring takes what fits, tells who does not, and goes round many times
// with records of every length. A record that never fits is refused.
func TestRingFull(t *testing.T) {
	session, path := makeSession(t), makeMap(t, ringOf(4096))
	r := openRing(t, path, nil)
	next := 0
	for lap := range 40 {
		var sent []int
		for {
			size := next % 700
			next += 37
			errno := produceOne(t, session, path, []string{"output", "reserve"}[next%2], lap, size)
			if errno == unix.EAGAIN {
				break
			}
			if errno != 0 {
				t.Fatal(errno)
			}
			sent = append(sent, size)
		}
		room := 4096
		for _, size := range sent {
			rec, ok, err := r.Next()
			if err != nil || !ok || !bytes.Equal(rec.Data, pattern(size)) || rec.Lease != lap {
				t.Fatalf("lap %d: %v, %v, %d bytes under lease %d; want %d", lap, ok, err, len(rec.Data), rec.Lease, size)
			}
			room -= 8 + (size+7)&^7
		}
		if _, ok, err := r.Next(); ok || err != nil {
			t.Fatalf("another record, %v", err)
		}
		if room < 0 || room >= 8+700 {
			t.Errorf("lap %d: full with %d bytes left", lap, room)
		}
		if int(r.Dropped()) != lap+1 {
			t.Errorf("%d dropped, want %d", r.Dropped(), lap+1)
		}
	}
	for size, want := range map[int]unix.Errno{4088: 0, 4089: unix.EAGAIN, 8 << 20: unix.EAGAIN} {
		if errno := follow(t, session, path, operation{"reserve", 1, []byte{0}, nil, uint64(size)}).finish(); errno != want {
			t.Errorf("%d bytes: %v, want %v", size, errno, want)
		}
		r.Next()
	}
}

// TestOneConsumer: a second one is refused, by name of the first; then it may.
func TestOneConsumer(t *testing.T) {
	path := makeMap(t, ringOf(4096))
	first := openRing(t, path, nil)
	_, err := ringbuf.Open(path, nil)
	if want := fmt.Sprintf("ringbuf: somebody else reads this ring: %s: process %d", path, os.Getpid()); !errors.Is(err, ringbuf.ErrTaken) || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openRing(t, path, nil)
}

func TestNoRing(t *testing.T) {
	path := makeMap(t, maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if _, err := ringbuf.Open(path, nil); err == nil || err.Error() != "ringbuf: "+path+" is an array of 1 entries, keys of 4 bytes, values of 8, flags 0x0" {
		t.Error(err)
	}
}

// leases are those of a session that a test makes up.
type leases struct {
	owner map[int]uint64
	hits  map[[2]int]uint64
	dead  map[uint64]bool
	asked func() // before each answer
}

func (l leases) Owner(lease int) uint64 {
	if l.asked != nil {
		l.asked()
	}
	return l.owner[lease]
}
func (l leases) Hits(lease, link int) uint64 { return l.hits[[2]int{lease, link}] }
func (l leases) Dead(owner uint64) bool      { return l.dead[owner] }

// TestAbandoned: when is a record that was reserved given up? It was by lease 5 of
// process slot 1, in run 32769 of link 0.
func TestAbandoned(t *testing.T) {
	for name, c := range map[string]struct {
		change func(leases)
		want   bool
	}{
		"it runs":                        {func(leases) {}, false},
		"the lease is free":              {func(l leases) { l.owner[5] = 0 }, true},
		"another has the lease":          {func(l leases) { l.owner[5] = 3 }, true},
		"the process is dead":            {func(l leases) { l.dead[1] = true }, true},
		"another process is dead":        {func(l leases) { l.dead[2] = true }, false},
		"the link has run again":         {func(l leases) { l.hits[[2]int{5, 0}]++ }, true},
		"another link has run":           {func(l leases) { l.hits[[2]int{5, 200}]++ }, true},
		"another lease has run the link": {func(l leases) { l.hits[[2]int{6, 0}]++ }, false},
	} {
		t.Run(name, func(t *testing.T) {
			session, path := makeSession(t), makeMap(t, ringOf(4096))
			l := leases{owner: map[int]uint64{5: 1}, hits: map[[2]int]uint64{{5, 0}: 32769}, dead: map[uint64]bool{}}
			putHeader(t, path, 0, 24, abi.RING_BUSY|abi.RING_WRITTEN|10, 5<<abi.RING_HDR_LEASE|1<<abi.RING_HDR_RUN, 5)
			r := openRing(t, path, l)
			if _, ok, err := r.Next(); ok || err != nil {
				t.Fatalf("a record, %v", err)
			}
			c.change(l)
			if errno := produceOne(t, session, path, "output", 9, 33); errno != 0 {
				t.Fatal(errno)
			}
			rec, ok, err := r.Next()
			if err != nil || ok != c.want || r.Abandoned() != map[bool]uint64{true: 1}[c.want] || ok && !bytes.Equal(rec.Data, pattern(33)) {
				t.Errorf("%v, %v, %x; %d abandoned", ok, err, rec.Data, r.Abandoned())
			}
		})
	}
}

// TestSubmittedMeanwhile: the run of a record that was not submitted is over by the time
// it is asked about; but before it ended it has submitted it.
func TestSubmittedMeanwhile(t *testing.T) {
	path := makeMap(t, ringOf(4096))
	const id = 5<<abi.RING_HDR_LEASE | 1<<abi.RING_HDR_RUN
	putHeader(t, path, 0, 24, abi.RING_BUSY|abi.RING_WRITTEN|10, id, 5)
	l := leases{owner: map[int]uint64{5: 1}, hits: map[[2]int]uint64{{5, 0}: 1}}
	l.asked = func() {
		putHeader(t, path, 0, 24, abi.RING_WRITTEN|10, id, 5)
		l.hits[[2]int{5, 0}] = 2
	}
	r := openRing(t, path, l)
	if rec, ok, err := r.Next(); !ok || err != nil || len(rec.Data) != 10 || r.Abandoned() != 0 {
		t.Errorf("%x, %v, %v; %d abandoned", rec.Data, ok, err, r.Abandoned())
	}
}

// TestDamaged: what cannot be right is told once, with where and how much; then the
// ring is used again.
func TestDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		pos, size uint64
		n, id     uint32
		want      string
	}{
		"more in use than there is":  {4096, 24, abi.RING_WRITTEN | 8, 0, "a header 0x20000008 at position 0, where 4120 of 4096 bytes are in use: 4120 bytes are given up"},
		"longer than what is in use": {0, 24, abi.RING_WRITTEN | 17, 0, "a header 0x20000011 at position 0, where 24 of 4096 bytes are in use: 24 bytes are given up"},
		"no header":                  {0, 24, 8, 0, "a header 0x8 at position 0, where 24 of 4096 bytes are in use: 24 bytes are given up"},
		"empty, and not the last":    {24, 24, abi.RING_WRITTEN | 8, 0, "a header 0x0 at position 0, where 48 of 4096 bytes are in use: 48 bytes are given up"},
		"empty, of another lap":      {0, 24, 0, 1, "a header 0x100000000 at position 0, where 24 of 4096 bytes are in use: 24 bytes are given up"},
	} {
		t.Run(name, func(t *testing.T) {
			session, path := makeSession(t), makeMap(t, ringOf(4096))
			putHeader(t, path, c.pos, c.size, c.n, c.id, 0)
			r := openRing(t, path, nil)
			_, ok, err := r.Next()
			if ok || !errors.Is(err, ringbuf.ErrDamaged) || err.Error() != "ringbuf: damaged: "+c.want {
				t.Errorf("%v, %v\nwant %s", ok, err, c.want)
			}
			if errno := produceOne(t, session, path, "output", 1, 77); errno != 0 {
				t.Error(errno)
			}
			if rec, ok, err := r.Next(); !ok || err != nil || !bytes.Equal(rec.Data, pattern(77)) {
				t.Errorf("%v, %v, %x", ok, err, rec.Data)
			}
		})
	}
}

// putHeader writes a header at a position, and moves the producers' word behind the
// record of size bytes.
func putHeader(t *testing.T, path string, pos, size uint64, n, id uint32, lease uint64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	word := binary.LittleEndian.AppendUint64(nil, uint64(id)<<32|uint64(n))
	last := binary.LittleEndian.AppendUint64(nil, (pos+size)/8|size/8<<abi.RING_LEN_SHIFT|lease<<abi.RING_LEASE_SHIFT)
	if _, err := f.WriteAt(word, int64(abi.MAP_RING_OFF+pos%4096)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(last, abi.MAP_RING_PRODUCER); err != nil {
		t.Fatal(err)
	}
}

// TestProducerKilled: behind every instruction of output, and of reserve and submit. The
// record is whole, or given up; those before and behind it come.
func TestProducerKilled(t *testing.T) {
	for _, how := range []string{"output", "reserve"} {
		t.Run(how, func(t *testing.T) {
			session, path := makeSession(t), makeMap(t, ringOf(4096))
			r := openRing(t, path, nil)
			for i := range 8 { // into the second lap
				produceOne(t, session, path, "output", 1, 600+i)
				r.Next()
			}
			produceOne(t, session, path, "output", 1, 50)
			r.Close()
			list := states(t, path, operation{how, 5, []byte{0}, pattern(41), 41})
			t.Logf("%d states", len(list))
			came := 0
			for _, b := range list {
				for _, produceFirst := range []bool{true, false} {
					file := filepath.Join(shared(t), "state")
					overwrite(t, file, b)
					came += behindTheKilled(t, file, produceFirst)
				}
			}
			if came == 0 || came == 2*len(list) {
				t.Errorf("the record came in %d of %d states", came, 2*len(list))
			}
		})
	}
}

func behindTheKilled(t *testing.T, path string, produceFirst bool) (came int) {
	t.Helper()
	session := makeSession(t) // in which the killed one's lease is free
	if produceFirst {
		produceOne(t, session, path, "output", 9, 60)
	}
	r := openRing(t, path, openLeases(t, session))
	defer r.Close()
	var got []int
	for range 4 {
		rec, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			if produceFirst {
				break
			}
			produceFirst = true
			produceOne(t, session, path, "reserve", 9, 60)
			continue
		}
		if !bytes.Equal(rec.Data, pattern(len(rec.Data))) {
			t.Errorf("torn: %x", rec.Data)
		}
		got = append(got, len(rec.Data))
	}
	switch fmt.Sprint(got) {
	case "[50 60]":
		return 0
	case "[50 41 60]":
		return 1
	}
	t.Errorf("records of %d bytes", got)
	return 0
}

// TestProducerStopped: between any two stores, while another one produces. Nothing is
// lost, and nobody waits but the consumer.
func TestProducerStopped(t *testing.T) {
	path := makeMap(t, ringOf(4096))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	op := operation{"reserve", 5, []byte{0}, pattern(41), 41}
	for _, place := range placesOf(t, path, op) {
		file := path + ".stopped"
		overwrite(t, file, whole)
		session := makeSession(t)
		hold(t, session, 5)
		hold(t, session, 9)
		f := follow(t, session, file, op)
		for range place {
			f.step()
		}
		if errno := produceOne(t, session, file, "output", 9, 60); errno != 0 {
			t.Errorf("behind instruction %d: %v", place, errno)
		}
		r := openRing(t, file, openLeases(t, session))
		before := 0
		for _, ok, _ := r.Next(); ok; _, ok, _ = r.Next() {
			before++
		}
		if errno := f.finish(); errno != 0 {
			t.Error(errno)
		}
		for _, ok, _ := r.Next(); ok; _, ok, _ = r.Next() {
			before++
		}
		if before != 2 || r.Abandoned() != 0 {
			t.Errorf("behind instruction %d: %d records came, %d given up", place, before, r.Abandoned())
		}
		r.Close()
	}
}

// TestConsumerKilled: between delivering a record and giving its space back.
func TestConsumerKilled(t *testing.T) {
	session, path := makeSession(t), makeMap(t, ringOf(4096))
	for _, size := range []int{100, 200} {
		produceOne(t, session, path, "output", 1, size)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{abi.MAP_RING_OFF + 8, abi.MAP_RING_OFF + 16} { // half of it is empty already
		f.WriteAt(binary.LittleEndian.AppendUint64(nil, 1<<32), at)
	}
	f.WriteAt(binary.LittleEndian.AppendUint64(nil, 112), abi.MAP_RING_READ)
	r := openRing(t, path, nil)
	rec, ok, err := r.Next()
	if err != nil || !ok || len(rec.Data) != 200 {
		t.Errorf("%d bytes, %v, %v", len(rec.Data), ok, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := abi.MAP_RING_OFF; at < abi.MAP_RING_OFF+112+208; at += 8 {
		if w := binary.LittleEndian.Uint64(b[at:]); w != 1<<32 {
			t.Fatalf("word %d is %#x", at-abi.MAP_RING_OFF, w)
		}
	}
}

// TestRead: it waits, and no longer than it may.
func TestRead(t *testing.T) {
	session, path := makeSession(t), makeMap(t, ringOf(4096))
	r := openRing(t, path, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	produceOne(t, session, path, "output", 1, 5)
	if rec, err := r.Read(t.Context()); err != nil || !bytes.Equal(rec.Data, pattern(5)) {
		t.Errorf("%x, %v", rec.Data, err)
	}
}
