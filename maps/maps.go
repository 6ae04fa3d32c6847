// Package maps makes and reads eBPF maps in files of a session.
//
// Protocol. A map is one position-independent file `maps/OBJECT.NAME`: a header of
// 4096 bytes (internal/abi MAP_*), then data. Whoever makes it writes it under a
// temporary name with all its blocks allocated, and links it into place; a file
// that is there already is used when its definition is the same, and refused with
// the difference when it is not. Programs write through a shared mapping, readers
// read through another one; neither needs the other to be alive.
//
// Per-CPU types are per *lease* here: a slot belongs to one running program at a
// time, so plain increments are exact; there are more slots than CPUs, and readers
// fold them.
//
// A file is hostile input: header, sizes and offsets are checked on open.
package maps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Type is a map type, numbered as the kernel's enum bpf_map_type.
type Type uint32

// PercpuArray is the only type so far.
const PercpuArray Type = 6

func (t Type) String() string {
	if t == PercpuArray {
		return "percpu_array"
	}
	return "map type " + strconv.Itoa(int(t))
}

// Spec defines a map.
type Spec struct {
	Type       Type
	KeySize    uint32 // bytes
	ValueSize  uint32 // bytes; a slot rounds it up to 8
	MaxEntries uint32
	Flags      uint32
}

// ErrDefinition is wrapped when a map exists with another definition.
var ErrDefinition = errors.New("maps: another map has this name")

// valueStride is the distance of two values in a slot.
func (s Spec) valueStride() uint64 { return (uint64(s.ValueSize) + 7) &^ 7 }

// Stride is the size of one lease's slot: whole cache lines, so that leases do
// not share one.
func (s Spec) Stride() uint64 { return (uint64(s.MaxEntries)*s.valueStride() + 63) &^ 63 }

// Size is the size of the file.
func (s Spec) Size() uint64 { return abi.MAP_DATA_OFF + s.Stride()*abi.SESSION_NLEASES }

// Offset is where the value of a key lies in slot 0.
func (s Spec) Offset(key uint32) int64 { return abi.MAP_DATA_OFF + int64(key)*int64(s.valueStride()) }

const maxSize = 1 << 30

func (s Spec) check() error {
	switch {
	case s.Type != PercpuArray:
		return fmt.Errorf("%v is not supported", s.Type)
	case s.KeySize != 4 || s.ValueSize == 0 || s.ValueSize > 1<<20 || s.MaxEntries == 0:
		return fmt.Errorf("a percpu_array has 4-byte keys and values of 1 byte to 1 MiB, not %d and %d (%d entries)", s.KeySize, s.ValueSize, s.MaxEntries)
	case s.Size() > maxSize:
		return fmt.Errorf("%d entries of %d bytes take %d MiB over all leases; at most %d MiB: use a smaller max_entries", s.MaxEntries, s.ValueSize, (s.Size()+1<<20-1)>>20, maxSize>>20)
	}
	return nil
}

func (s Spec) header() []byte {
	h := make([]byte, abi.MAP_DATA_OFF)
	le := binary.LittleEndian
	le.PutUint64(h[abi.MAP_HDR_MAGIC:], abi.MAP_MAGIC)
	for at, v := range map[int]uint32{abi.MAP_HDR_VERSION: abi.MAP_VERSION, abi.MAP_HDR_TYPE: uint32(s.Type),
		abi.MAP_HDR_KEY_SIZE: s.KeySize, abi.MAP_HDR_VALUE_SIZE: s.ValueSize, abi.MAP_HDR_MAX_ENTRIES: s.MaxEntries,
		abi.MAP_HDR_FLAGS: s.Flags, abi.MAP_HDR_NSLOTS: abi.SESSION_NLEASES} {
		le.PutUint32(h[at:], v)
	}
	le.PutUint64(h[abi.MAP_HDR_STRIDE:], s.Stride())
	le.PutUint64(h[abi.MAP_HDR_SIZE:], s.Size())
	return h
}

// Make makes the map at path, or finds it there with the same definition.
func Make(path string, spec Spec) error {
	if err := spec.check(); err != nil {
		return fmt.Errorf("maps: %s: %w", path, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return compare(path, spec)
	}
	own := path + "." + strconv.FormatInt(time.Now().UnixNano(), 36)
	defer os.Remove(own)
	if err := write(own, spec); err != nil {
		return fmt.Errorf("maps: %s: %w", path, err)
	}
	if err := os.Link(own, path); errors.Is(err, fs.ErrExist) {
		return compare(path, spec)
	} else if err != nil {
		return fmt.Errorf("maps: %w", err)
	}
	return nil
}

// write makes a whole map file. fallocate says now what a store would say with
// SIGBUS later.
func write(path string, spec Spec) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := reserve(f, int64(spec.Size())); err != nil {
		return fmt.Errorf("reserving %d bytes: %w", spec.Size(), err)
	}
	_, err = f.WriteAt(spec.header(), 0)
	return err
}

// reserve begins again when a signal comes: the tmpfs of older kernels gives up
// then, and the runtime sends signals.
func reserve(f *os.File, size int64) error {
	for {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != unix.EINTR {
			return err
		}
	}
}

func compare(path string, want Spec) error {
	m, err := Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	if m.owner != uint32(os.Geteuid()) {
		return fmt.Errorf("maps: %s belongs to user %d, not to %d: use another session, or remove it", path, m.owner, os.Geteuid())
	}
	if m.spec != want {
		return fmt.Errorf("%w: %s is a %v of %d entries, %d-byte values, flags %#x; wanted are %v, %d, %d, %#x: use another session, or remove it",
			ErrDefinition, path, m.spec.Type, m.spec.MaxEntries, m.spec.ValueSize, m.spec.Flags, want.Type, want.MaxEntries, want.ValueSize, want.Flags)
	}
	return nil
}
