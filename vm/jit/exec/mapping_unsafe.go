//go:build linux && amd64

package exec

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapping is code in memory.
type mapping struct {
	pages []byte
	addr  uintptr
}

// mapText maps code at an address of the kernel's choice. Its pages can be
// written until the code is in them, and then executed: never both.
func mapText(text []byte) (mapping, error) {
	pages, err := unix.Mmap(-1, 0, len(text), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return mapping{}, fmt.Errorf("exec: %d bytes of code: %w", len(text), err)
	}
	copy(pages, text)
	m := mapping{pages, uintptr(unsafe.Pointer(unsafe.SliceData(pages)))}
	if err := unix.Mprotect(pages, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		_ = m.close()
		return mapping{}, fmt.Errorf("exec: make code executable: %w", err)
	}
	return m, nil
}

func (m mapping) close() error { return unix.Munmap(m.pages) }

// readProcess and writeProcess reach any address of this process, or fail.

func readProcess(addr uint64, b []byte) error {
	return transfer(unix.ProcessVMReadv, addr, b)
}

func writeProcess(addr uint64, b []byte) error {
	return transfer(unix.ProcessVMWritev, addr, b)
}

func transfer(call func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error), addr uint64, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	local := []unix.Iovec{{Base: unsafe.SliceData(b), Len: uint64(len(b))}}
	n, err := call(unix.Getpid(), local, []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}, 0)
	if err == nil && n != len(b) {
		return unix.EFAULT
	}
	return err
}
