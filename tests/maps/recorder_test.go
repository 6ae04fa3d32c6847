package maps_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/maps/ringbuf"
)

func recorderOf(size uint32) maps.Spec {
	return maps.Spec{Type: maps.Ringbuf, MaxEntries: size, Flags: abi.RING_OVERWRITE}
}

func openRecorder(t testing.TB, path string) *ringbuf.Recorder {
	t.Helper()
	r, err := ringbuf.OpenRecorder(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestRecorder: the newest records are there, whole and in order, as many as there is room for; the others are counted.
func TestRecorder(t *testing.T) {
	session, path := makeSession(t), makeMap(t, recorderOf(4096))
	r := openRecorder(t, path)
	for i := range 150 {
		hold(t, session, i%3)
		if errno := produceOne(t, session, path, []string{"output", "reserve"}[i%2], i%3, i); errno != 0 {
			t.Fatal(i, errno)
		}
		if i == 9 {
			if got := r.Next(); len(got) != 10 || r.Gone() != 0 || !bytes.Equal(got[9].Data, pattern(9)) || got[9].Lease != 0 {
				t.Fatalf("%d records, %d gone", len(got), r.Gone())
			}
		}
	}
	got := r.Next()
	if len(got) < 10 || r.Gone() != uint64(140-len(got)) || r.Dropped() != 0 {
		t.Errorf("%d records, %d gone, %d dropped", len(got), r.Gone(), r.Dropped())
	}
	size := -1
	for _, rec := range got {
		if len(rec.Data) <= size || !bytes.Equal(rec.Data, pattern(len(rec.Data))) {
			t.Errorf("%d bytes behind %d", len(rec.Data), size)
		}
		size = len(rec.Data)
	}
	if size != 149 {
		t.Errorf("the last one has %d bytes", size)
	}
	if again := r.Next(); len(again) != 0 {
		t.Errorf("%d records came twice", len(again))
	}
	if errno := produceOne(t, session, path, "output", 1, 256); errno != unix.EAGAIN || r.Dropped() != 1 {
		t.Errorf("longer than a chunk: %v, %d dropped", errno, r.Dropped())
	}
	if all := openRecorder(t, path).Next(); len(all) < len(got) {
		t.Errorf("another reader finds %d of %d", len(all), len(got))
	}
	if _, err := ringbuf.Open(path, nil); err == nil || !strings.HasSuffix(err.Error(), " is a flight recorder: nobody consumes its records") {
		t.Error(err)
	}
}

// TestRecorderKilled: behind every instruction. The record is whole or not there, the others are; the next one goes on.
func TestRecorderKilled(t *testing.T) {
	for _, how := range []string{"output", "reserve"} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s full %v", how, full), func(t *testing.T) {
				session, path := makeSession(t), makeMap(t, recorderOf(4096))
				hold(t, session, 5)
				produceOne(t, session, path, "output", 5, map[bool]int{false: 50, true: 200}[full])
				came, list := 0, states(t, path, operation{how, 5, []byte{0}, pattern(41), 41})
				for _, b := range list {
					file := filepath.Join(shared(t), "state")
					overwrite(t, file, b)
					before := openRecorder(t, file).Next()
					for range 2 { // the lease of the killed one, and another
						if errno := produceOne(t, makeSession(t), file, "output", 5+len(before)%2, 60); errno != 0 {
							t.Error(errno)
						}
					}
					after := openRecorder(t, file).Next()
					if len(before) < 1 || len(before) > 2 || len(after) != len(before)+2 {
						t.Errorf("%d records, then %d", len(before), len(after))
					}
					for _, rec := range after {
						if !bytes.Equal(rec.Data, pattern(len(rec.Data))) {
							t.Errorf("torn: %x", rec.Data)
						}
					}
					came += len(before) - 1
				}
				if came == 0 || came == len(list) {
					t.Errorf("the record came in %d of %d states", came, len(list))
				}
			})
		}
	}
}

// TestRecorderFlood: four threads overwrite each other's records while they are read. What is seen is whole, and in the
// order of each thread.
func TestRecorderFlood(t *testing.T) {
	session, path := makeSession(t), makeMap(t, recorderOf(64<<10))
	for lease := 10; lease < 14; lease++ {
		hold(t, session, lease)
	}
	cmd := exec.Command(build(t, "testdata/produce.c", "-pthread"), session, path, "10", "4", "40000", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	r, last, seen := openRecorder(t, path), map[uint32]uint32{}, 0
	look := func() {
		for _, rec := range r.Next() {
			p := parseRecord(t, rec.Data)
			if p.number <= last[p.lease] || rec.Lease != int(p.lease) {
				t.Fatalf("record %v under lease %d, behind %d", p, rec.Lease, last[p.lease])
			}
			last[p.lease] = p.number
			seen++
		}
	}
	for running := true; running; look() {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
	}
	if sent := uint64(4 * 40000 * 4 / 5); uint64(seen)+r.Gone()+r.Dropped() != sent || seen == 0 {
		t.Errorf("%d seen, %d gone, %d dropped of %d; %d threads", seen, r.Gone(), r.Dropped(), sent, len(last))
	}
	t.Logf("%d seen, %d gone, %d dropped", seen, r.Gone(), r.Dropped())
}
