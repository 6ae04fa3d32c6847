package maps

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Flags of a map, as the kernel's BPF_F_*.
const (
	NoPrealloc       = 1 << 0 // nodes are allocated all the same; a trie has to have it
	NoCommonLRU      = 1 << 1 // one list for all CPUs all the same
	NUMANode         = 1 << 2 // the system decides
	ReadOnly         = 1 << 3 // user space does not write
	WriteOnly        = 1 << 4 // user space does not read
	ZeroSeed         = 1 << 6
	ReadOnlyProgram  = 1 << 7 // programs do not write
	WriteOnlyProgram = 1 << 8 // programs do not read
	Mmapable         = 1 << 10

	access = ReadOnly | WriteOnly | ReadOnlyProgram | WriteOnlyProgram
)

// flagsOf are those that a type may have, in the kernel as well.
var flagsOf = map[Type]uint32{
	Hash:          NoPrealloc | NUMANode | ZeroSeed | access,
	PercpuHash:    NoPrealloc | ZeroSeed | access,
	LRUHash:       NoCommonLRU | NUMANode | ZeroSeed | access,
	LRUPercpuHash: NoCommonLRU | ZeroSeed | access,
	Array:         Mmapable | NUMANode | access,
	PercpuArray:   access,
	LPMTrie:       NoPrealloc | NUMANode | access,
}

func (s Spec) checkFlags() error {
	may, known := flagsOf[s.Type]
	both := func(flags uint32) bool { return s.Flags&flags == flags }
	switch {
	case known && s.Flags&^may != 0:
		return fmt.Errorf("%v has no flags %#x", s.Type.article(), s.Flags&^may)
	case s.Type == LPMTrie && s.Flags&NoPrealloc == 0:
		return fmt.Errorf("an lpm_trie has the flag BPF_F_NO_PREALLOC")
	case both(ReadOnly|WriteOnly) || both(ReadOnlyProgram|WriteOnlyProgram):
		return fmt.Errorf("flags %#x: a map cannot be both read only and write only", s.Flags)
	case s.Type == LRUHash && both(NoCommonLRU|NUMANode):
		return fmt.Errorf("flags %#x: lists for each CPU are of no NUMA node", s.Flags)
	}
	return nil
}

// Freeze makes the map read only for all but programs, for ever. The error wraps EBUSY
// if it is already.
func (m *Map) Freeze() error {
	if m.file == nil {
		return m.fail("freeze: it is open for reading only", unix.EBADF)
	}
	word := uint64(abi.MAP_HDR_FROZEN)
	if !m.cas(word, m.u64(word)&^1, m.u64(word)|1) {
		return m.fail("freeze: it is frozen", unix.EBUSY)
	}
	return nil
}

// Frozen tells whether only programs write to the map.
func (m *Map) Frozen() bool { return m.u64(abi.MAP_HDR_FROZEN)&1 != 0 }

func (m *Map) writable(what string) error {
	switch {
	case m.spec.Type.hasNoKeys():
		return m.fail(m.spec.Type.article()+" has no keys", unix.ENOTSUP)
	case m.file == nil:
		return m.fail(what+": it is open for reading only", unix.EBADF)
	case m.spec.Flags&ReadOnly != 0:
		return m.fail(what+": it is read only", unix.EPERM)
	case m.Frozen():
		return m.fail(what+": it is frozen", unix.EPERM)
	}
	return nil
}

func (m *Map) readable(what string) error {
	switch {
	case m.spec.Type.hasNoKeys():
		return m.fail(m.spec.Type.article()+" has no keys", unix.ENOTSUP)
	case m.spec.Flags&WriteOnly != 0:
		return m.fail(what+": it is write only", unix.EPERM)
	}
	return nil
}
