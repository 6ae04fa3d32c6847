package attach

import (
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/procmaps"
)

// Where an outpost may lie.
const (
	pageLen   = 1 << 12
	clearance = 32 << 20 // from what is mapped: the kernel puts new mappings beside it
)

// vacant tells whether the page at an address relative to a file is free in the
// process, beside every copy of the file. Above the program itself its heap may grow.
func (c *compiler) vacant(file *elfsym.Module, page uint64) bool {
	for _, m := range c.Modules {
		if m.File != file.File {
			continue
		}
		at := m.Bias + page
		if m.Main && at > m.Lo || !procmaps.Vacant(c.Maps, at, pageLen, clearance) {
			return false
		}
	}
	return true
}

// punned tells whether a jump that is not the file's begins so near before addr that it
// ends behind it: its last bytes are then what stands there, though it is the file's.
func (c *compiler) punned(m *elfsym.Module, addr uint64) bool {
	const before = 4
	was, err := m.File.Bytes(addr-before, before)
	if err != nil {
		return false
	}
	is := make([]byte, before)
	if c.Peek(m.Bias+addr-before, is) != nil {
		return false
	}
	for i := range is {
		if is[i] == 0xe9 && was[i] != 0xe9 {
			return true
		}
	}
	return false
}
