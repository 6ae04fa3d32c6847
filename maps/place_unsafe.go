package maps

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// InPlace maps the pages of an arena at the addresses that programs write into them, so
// that these can be followed as pointers, until Close. The error wraps EEXIST where
// something else lies there: then there is Resolve.
func (m *Map) InPlace() ([]byte, error) {
	if err := m.arenaWritable("mapping in place"); err != nil {
		return nil, err
	}
	if m.placed != nil {
		return m.placed, nil
	}
	at, err := unix.MmapPtr(int(m.file.Fd()), abi.MAP_DATA_OFF, placeOf(m.spec.Start), uintptr(m.stride),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED_NOREPLACE)
	if err == nil && uint64(uintptr(at)) != m.spec.Start { // Linux before 4.17 takes the flag for nothing
		unix.MunmapPtr(at, uintptr(m.stride))
		err = unix.EEXIST
	}
	if errno, ok := err.(unix.Errno); ok {
		return nil, m.fail("mapping in place", errno)
	}
	m.placed = unsafe.Slice((*byte)(at), m.stride)
	return m.placed, nil
}

// placeOf is an address that is nobody's yet.
func placeOf(addr uint64) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

// leavePlace undoes InPlace.
func (m *Map) leavePlace() error {
	if m.placed == nil {
		return nil
	}
	at := unsafe.Pointer(&m.placed[0])
	m.placed = nil
	return unix.MunmapPtr(at, uintptr(m.stride))
}
