package maps_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/maps/ringbuf"
)

var userRing = maps.Spec{Type: maps.UserRingbuf, MaxEntries: 4096}

// take has a program drain a user_ringbuf; how many records it took comes as an error.
func take(t *testing.T, session, path string) unix.Errno {
	t.Helper()
	return follow(t, session, path, operation{"take", 5, []byte{0}, nil, 0}).finish()
}

func writeRecords(t *testing.T, path string, sizes ...int) {
	t.Helper()
	w, err := ringbuf.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, n := range sizes {
		if err := w.Write(pattern(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDrainSpoilt: whatever the writer left there, no program reads outside of the ring, and it is told.
func TestDrainSpoilt(t *testing.T) {
	for name, c := range map[string]struct {
		at   int64
		size int
		v    uint64
		want unix.Errno
	}{
		"as it was":             {abi.MAP_RING_READER, 4, 0, 2},
		"odd producer":          {abi.MAP_RING_PRODUCER, 8, 68, unix.EINVAL},
		"too much":              {abi.MAP_RING_PRODUCER, 8, 4104, unix.EINVAL},
		"before the reader":     {abi.MAP_RING_CONSUMER, 8, 1 << 40, unix.EINVAL},
		"odd reader":            {abi.MAP_RING_CONSUMER, 8, 4, unix.EINVAL},
		"longer than is in use": {abi.MAP_RING_OFF, 4, 200, unix.E2BIG},
		"very long":             {abi.MAP_RING_OFF, 4, abi.RING_LEN | 0x30000000, unix.E2BIG},
		"being written":         {abi.MAP_RING_OFF, 4, abi.RING_BUSY | 10, 0},
		"discarded":             {abi.MAP_RING_OFF, 4, abi.RING_DISCARD | 10, 1},
		"somebody drains it":    {abi.MAP_RING_DRAINED, 8, 1<<63 | 9<<abi.RING_HDR_LEASE, unix.EBUSY},
		"he is gone":            {abi.MAP_RING_DRAINED, 8, 1<<63 | 8<<abi.RING_HDR_LEASE, 2},
		"he runs again":         {abi.MAP_RING_DRAINED, 8, 1<<63 | 9<<abi.RING_HDR_LEASE | 1<<abi.RING_HDR_RUN, 2},
	} {
		t.Run(name, func(t *testing.T) {
			session, path := makeSession(t), makeMap(t, userRing)
			hold(t, session, 9)
			writeRecords(t, path, 10, 50)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(binary.LittleEndian.AppendUint64(nil, c.v)[:c.size], c.at); err != nil {
				t.Fatal(err)
			}
			if got := take(t, session, path); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

// TestDrainKilled: behind every instruction of a program that drains. Every record is taken by it, or by the next one.
func TestDrainKilled(t *testing.T) {
	path := makeMap(t, userRing)
	writeRecords(t, path, 10, 50)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	session := makeSession(t)
	f := follow(t, session, path, operation{"take", 5, []byte{0}, nil, 0})
	left := map[unix.Errno]int{}
	for f.step() {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) == string(whole) && len(left) > 0 {
			continue
		}
		whole = b
		file := filepath.Join(shared(t), "state")
		overwrite(t, file, b)
		left[take(t, makeSession(t), file)]++
	}
	if len(left) != 3 || left[0] == 0 || left[1] == 0 || left[2] == 0 {
		t.Errorf("left: %v", left)
	}
}
