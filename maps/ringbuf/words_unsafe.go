package ringbuf

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// word64 is a word of the ring, which others change. The slice expression bounds it; at
// is 8-aligned, and so is the mapping.
func word64(mem []byte, at uint64) *uint64 { return (*uint64)(unsafe.Pointer(&mem[at : at+8][0])) }

func word32(mem []byte, at uint64) *uint32 { return (*uint32)(unsafe.Pointer(&mem[at : at+4][0])) }

// waitWord sleeps while the word, which other processes have mapped too, has the value.
func waitWord(word *uint32, value uint32, most time.Duration) {
	ts := unix.NsecToTimespec(int64(most))
	unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), 0 /* FUTEX_WAIT */, uintptr(value), uintptr(unsafe.Pointer(&ts)), 0, 0)
}
