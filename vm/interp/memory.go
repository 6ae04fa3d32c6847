package interp

import (
	"fmt"
	"slices"
)

const (
	regionBase  = uint64(0x4000_0000) // high half of the address of region 0
	maxRegions  = 1 << 16
	maxRegion   = uint64(1) << 31     // bytes; more than a slice can have where int has 32 bits
	functionTag = uint64(0x2000_0000) // high half of the address of a function of program 0
)

// Access says what a program may do with a region.
type Access uint8

// The kinds of access.
const (
	ReadWrite Access = iota
	ReadOnly
)

// Memory is the address space of a machine. Read and Write make it a
// helper.Memory.
type Memory struct {
	read, write [][]byte // by region; nil where there is none or no access
	names       []string
	fixed       []fixedRegion // sorted by address, disjoint
	machine     *Machine
}

// fixedRegion is a region at an address of the caller's choice.
type fixedRegion struct {
	addr        uint64
	read, write []byte
	name        string
}

func (r fixedRegion) end() uint64 { return r.addr + uint64(len(r.read)) }

// Map adds a region and returns the address that the memory chose. The slice
// stays the caller's; name is for error messages.
func (m *Memory) Map(name string, data []byte, access Access) (addr uint64, err error) {
	if len(m.read) == maxRegions {
		return 0, fmt.Errorf("interp: map %s: there are %d regions already", name, maxRegions)
	}
	if uint64(len(data)) > maxRegion {
		return 0, fmt.Errorf("interp: map %s: %d bytes are more than %d", name, len(data), maxRegion)
	}
	return regionAddr(m.add(name, data, access)), nil
}

// MapAt adds a region at an address, which may be any below 1<<62 as long as
// regions do not overlap.
func (m *Memory) MapAt(addr uint64, name string, data []byte, access Access) error {
	r := fixedRegion{addr: addr, name: name, read: data}
	if access == ReadWrite {
		r.write = data
	}
	if r.end() < addr || r.end() > functionTag<<32 {
		return fmt.Errorf("interp: map %s: %d bytes at %#x reach beyond %#x", name, len(data), addr, functionTag<<32)
	}
	i, _ := slices.BinarySearchFunc(m.fixed, addr, func(r fixedRegion, addr uint64) int {
		if r.end() <= addr {
			return -1
		}
		return 1
	})
	if i < len(m.fixed) && m.fixed[i].addr < r.end() {
		return fmt.Errorf("interp: map %s at %#x: overlaps %s at %#x", name, addr, m.fixed[i].name, m.fixed[i].addr)
	}
	m.fixed = slices.Insert(m.fixed, i, r)
	return nil
}

// Unmap removes the region that begins at addr. The number is not used again,
// so a stale address stays an error.
func (m *Memory) Unmap(addr uint64) {
	if n := addr>>32 - regionBase; n < uint64(len(m.read)) && addr == regionAddr(int(n)) {
		m.set(int(n), nil, ReadOnly)
	}
	m.fixed = slices.DeleteFunc(m.fixed, func(r fixedRegion) bool { return r.addr == addr })
}

// Read copies the bytes at addr into b.
func (m *Memory) Read(addr uint64, b []byte) error {
	src := m.readable(addr, uint64(len(b)))
	if src == nil && len(b) > 0 {
		return m.explain(addr, uint64(len(b)), false)
	}
	copy(b, src)
	return nil
}

// Write copies b to addr.
func (m *Memory) Write(addr uint64, b []byte) error {
	dst := m.writable(addr, uint64(len(b)))
	if dst == nil && len(b) > 0 {
		return m.explain(addr, uint64(len(b)), true)
	}
	copy(dst, b)
	return nil
}

func regionAddr(n int) uint64 { return (regionBase + uint64(n)) << 32 }

func (m *Memory) add(name string, data []byte, access Access) int {
	m.read, m.write, m.names = append(m.read, nil), append(m.write, nil), append(m.names, name)
	m.set(len(m.read)-1, data, access)
	return len(m.read) - 1
}

func (m *Memory) set(n int, data []byte, access Access) {
	m.read[n], m.write[n] = data, nil
	if access == ReadWrite {
		m.write[n] = data
	}
}

// readable returns the n bytes at addr, nil when they are not all in one region.
func (m *Memory) readable(addr, n uint64) []byte {
	if i := addr>>32 - regionBase; i < uint64(len(m.read)) {
		data, off := m.read[i], addr&0xffff_ffff
		if end := off + n; end <= uint64(len(data)) {
			return data[off:end]
		}
		return nil
	}
	if r := m.findFixed(addr); r != nil {
		return window(r.read, addr-r.addr, n)
	}
	return nil
}

// writable is readable for writing.
func (m *Memory) writable(addr, n uint64) []byte {
	if i := addr>>32 - regionBase; i < uint64(len(m.write)) {
		data, off := m.write[i], addr&0xffff_ffff
		if end := off + n; end <= uint64(len(data)) {
			return data[off:end]
		}
		return nil
	}
	if r := m.findFixed(addr); r != nil {
		return window(r.write, addr-r.addr, n)
	}
	return nil
}

func window(data []byte, off, n uint64) []byte {
	if n > uint64(len(data)) || off > uint64(len(data))-n {
		return nil
	}
	return data[off : off+n]
}

// findFixed returns the last region that begins at or before addr.
func (m *Memory) findFixed(addr uint64) *fixedRegion {
	i, found := slices.BinarySearchFunc(m.fixed, addr, func(r fixedRegion, addr uint64) int {
		switch {
		case r.addr < addr:
			return -1
		case r.addr > addr:
			return 1
		}
		return 0
	})
	if found {
		return &m.fixed[i]
	}
	if i == 0 {
		return nil
	}
	return &m.fixed[i-1]
}

// explain says why an access failed, in terms of the region it was near to.
func (m *Memory) explain(addr, n uint64, write bool) error {
	verb := "read"
	if write {
		verb = "write"
	}
	what := fmt.Sprintf("%s of %d bytes at %#x", verb, n, addr)
	name, off, size, ok := m.near(addr)
	switch {
	case !ok:
		return fmt.Errorf("%w: %s: outside of every region", ErrMemory, what)
	case size == 0:
		return fmt.Errorf("%w: %s: %s is gone or empty", ErrMemory, what, name)
	case off < 0:
		return fmt.Errorf("%w: %s: %d bytes before %s", ErrMemory, what, -off, name)
	case uint64(off) <= size && n <= size-uint64(off):
		return fmt.Errorf("%w: %s: %s is read only", ErrMemory, what, name)
	}
	return fmt.Errorf("%w: %s: byte %d of %s, which has %d", ErrMemory, what, off, name, size)
}

// near finds the region that an address was probably meant for, the address's
// offset in it, and its size.
func (m *Memory) near(addr uint64) (name string, off int64, size uint64, ok bool) {
	i := (addr + maxRegion - 1) >> 32 // the upper half of a number's addresses is before the next
	if i -= regionBase; i < uint64(len(m.read)) {
		return m.names[i], int64(addr - regionAddr(int(i))), uint64(len(m.read[i])), true
	}
	if r := m.findFixed(addr); r != nil && addr-r.addr < maxRegion {
		return r.name, int64(addr - r.addr), uint64(len(r.read)), true
	}
	return "", 0, 0, false
}
