package maps_test

import (
	"fmt"
	"os/exec"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// TestWakeup: who sleeps is woken by a record, once, unless it says not to.
func TestWakeup(t *testing.T) {
	session, path := makeSession(t), makeMap(t, ringOf(4096))
	mem := openWriter(t, path).Memory()
	sleeper := (*uint32)(unsafe.Pointer(&mem[abi.MAP_RING_SLEEPER]))
	for how, want := range map[string]uint32{"quiet": 1, "output": 0, "reserve": 0} {
		*sleeper = 1
		if errno := produceOne(t, session, path, how, 1, 8); errno != 0 || *sleeper != want {
			t.Errorf("%s: %v; %d sleeps, want %d", how, errno, *sleeper, want)
		}
	}
	*sleeper = 1
	woken := make(chan unix.Errno)
	go func() {
		ts := unix.NsecToTimespec(int64(time.Minute))
		_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(sleeper)), 0, 1, uintptr(unsafe.Pointer(&ts)), 0, 0)
		woken <- errno
	}()
	for { // whether the other one sleeps yet cannot be told
		*sleeper = 1
		produceOne(t, session, path, "output", 1, 8)
		select {
		case errno := <-woken:
			if errno != 0 && errno != unix.EAGAIN {
				t.Error(errno)
			}
			return
		default:
		}
	}
}

// TestReadAsleep: a reader that asks for wake-ups gets every record.
func TestReadAsleep(t *testing.T) {
	session, path := makeSession(t), makeMap(t, ringOf(4096))
	r := openRing(t, path, nil)
	r.AskForWakeups()
	go func() {
		for i := range 20 {
			time.Sleep(5 * time.Millisecond)
			exec.Command(build(t, "testdata/produce.c", "-pthread"), session, path, fmt.Sprint(10+i), "1", "2", "30").Run()
		}
	}()
	for i := range 40 {
		rec, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p := parseRecord(t, rec.Data); p.lease != uint32(10+i/2) || p.number != uint32(1+i%2) {
			t.Errorf("record %d: %v", i, p)
		}
	}
}
