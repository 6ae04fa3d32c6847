//go:build linux && amd64

package exec_test

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nativeCode maps machine code for the duration of the test.
func nativeCode(t testing.TB, code []byte) uintptr {
	t.Helper()
	b, err := unix.Mmap(-1, 0, len(code), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	copy(b, code)
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

// addressOf is where b lies, which is in the heap and stays there.
func addressOf(b []byte) uint64 {
	kept = append(kept, b)
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
}

var kept [][]byte
