package objects

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestLockedUpdates: eight threads and a reader and writer of user space, all under the locks in the values: nobody sees
// half a value; the lock is no part of one. Errors are the kernel's.
func TestLockedUpdates(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const threads, calls = 8, 2000
		c := host.Cmd{Args: []string{target(t), "threads", "8", "2000"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, `objects: [{path: OBJ/lock.bpf.o, attach: {on_add: "uprobe/TARGET:add", at_end: "uprobe/libc:printf"}}]`))
		stop := make(chan struct{})
		rounds := make(chan int)
		go func() { rounds <- userUnderLock(t, tr, stop) }()
		host.Compare(t, c, tr)
		close(stop)
		if n := <-rounds; n == 0 {
			t.Error("user space never came to a value")
		}
		wantQuiet(t, tr)
		wantCounts(t, tr, "lock", map[string]uint64{
			"torn": 0, "failed": 0, "looks": 2 * threads * calls, "no_lock": errno(unix.EINVAL), "exists": errno(unix.EEXIST),
			"absent": errno(unix.ENOENT), "bad_flags": errno(unix.EINVAL), "held_stays": 1,
		})
	})
}

func errno(e unix.Errno) uint64 { return -uint64(e) }

// lockedValue is what a program of lock.bpf.c writes.
func lockedValue(n uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, n)
	b = binary.LittleEndian.AppendUint32(append(b, 0, 0, 0, 0), uint32(n))
	return append(b, bytes.Repeat(binary.LittleEndian.AppendUint64(nil, n), 12)...)
}

// userUnderLock looks and writes until it is told to stop.
func userUnderLock(t *testing.T, tr *host.Trace, stop chan struct{}) (rounds int) {
	key := make([]byte, 4)
	for {
		for _, name := range []string{"array", "table"} {
			m, err := maps.OpenWriter(filepath.Join(tr.Path(), "maps", "lock."+name))
			if err != nil { // not yet
				time.Sleep(time.Millisecond)
				continue
			}
			for i := range uint64(50) {
				values, err := m.LookupFlags(key, maps.Lock)
				if err == nil && !bytes.Equal(values[0], lockedValue(binary.LittleEndian.Uint64(values[0]))) {
					t.Errorf("%s: half a value: %x", name, values[0])
				}
				if err == nil {
					err = m.Update(key, lockedValue(i), maps.Lock|maps.Exist)
				}
				if err != nil && !errors.Is(err, unix.ENOENT) {
					t.Error(err)
				}
				rounds++
			}
			m.Close()
		}
		select {
		case <-stop:
			return rounds
		default:
		}
	}
}
