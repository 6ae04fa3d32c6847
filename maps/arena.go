package maps

import (
	"fmt"
	"math/bits"
	"os"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Arenas: pages of memory that programs take and give back, full of addresses of their
// users'. internal/native/map_arena.c explains how pages are taken; what takes them here
// does the same.

const (
	usualStart  = 1 << 44 // as vm/object has it
	segvOnFault = 1 << 17 // BPF_F_SEGV_ON_FAULT: all pages are there, so none faults
)

func (s Spec) arenaLayout(l *layout) {
	l.data, l.nnodes = abi.MAP_DATA_OFF, s.MaxEntries
	l.stride = times(uint64(s.MaxEntries), abi.MAP_PAGE)
	l.control = l.data + l.stride
	l.free = l.control + abi.MAP_CTL_SIZE
	l.size = roundUp(l.free+8*l.words(), abi.MAP_PAGE)
}

func (s Spec) checkArena() error {
	size := times(uint64(s.MaxEntries), abi.MAP_PAGE)
	switch {
	case s.KeySize != 0 || s.ValueSize != 0:
		return fmt.Errorf("an arena has no keys and values, but here they have %d and %d bytes", s.KeySize, s.ValueSize)
	case s.MaxEntries == 0:
		return fmt.Errorf("an arena has max_entries pages, at least 1")
	case s.Flags&Mmapable == 0 || s.Flags&^(Mmapable|segvOnFault) != 0:
		return fmt.Errorf("flags %#x: an arena has the flag BPF_F_MMAPABLE (%#x), and may have BPF_F_SEGV_ON_FAULT (%#x)", s.Flags, Mmapable, segvOnFault)
	case s.Size() > maxSize:
		return fmt.Errorf("an arena of %d pages takes %d MiB; at most %d MiB: use a smaller max_entries", s.MaxEntries, s.Size()>>20, maxSize>>20)
	case s.Start%abi.MAP_PAGE != 0 || s.Start>>32 != (s.Start+size-1)>>32:
		return fmt.Errorf("an arena of %d bytes at %#x (map_extra): it begins with a page, and does not cross a multiple of 4 GiB", size, s.Start)
	}
	return nil
}

// writePages writes the bits of free pages: all but those of variables.
func (s Spec) writePages(f *os.File, variables int) error {
	l := s.layout()
	out := make([]byte, 8*l.words())
	for n := (uint32(variables) + abi.MAP_PAGE - 1) / abi.MAP_PAGE; n < s.MaxEntries; n++ {
		out[n/8] |= 1 << (n % 8)
	}
	_, err := f.WriteAt(out, int64(l.free))
	return err
}

// hasNoKeys: what lies in it is no entry.
func (t Type) hasNoKeys() bool { return t.HasRecords() || t == Arena }

// ---- pages ----

// PagesUsed is how many pages of an arena are taken.
func (m *Map) PagesUsed() (n int) {
	for range m.takenPages {
		n++
	}
	return n
}

// takenPages yields the pages that are taken, by number.
func (m *Map) takenPages(yield func(uint32) bool) {
	if m.spec.Type != Arena {
		return
	}
	for n := range m.spec.MaxEntries {
		if m.u64(m.free+uint64(n/64*8))>>(n%64)&1 == 0 && !yield(n) {
			return
		}
	}
}

// Pages yields the pages of an arena that are taken: the address for users, and what
// lies there, which others may be changing.
func (m *Map) Pages(yield func(addr uint64, page []byte) bool) {
	for n := range m.takenPages {
		at := uint64(n) * abi.MAP_PAGE
		if !yield(m.spec.Start+at, m.mem[m.data+at:][:abi.MAP_PAGE:abi.MAP_PAGE]) {
			return
		}
	}
}

// Resolve is n bytes of an arena at an address, of which the low half counts, as it does
// for programs.
func (m *Map) Resolve(addr uint64, n int) ([]byte, error) {
	if m.spec.Type != Arena {
		return nil, m.fail("resolve: it is no arena", unix.EOPNOTSUPP)
	}
	at := uint64(uint32(addr) - uint32(m.spec.Start))
	if n < 0 || at > m.stride || uint64(n) > m.stride-at {
		return nil, m.fail(fmt.Sprintf("%d bytes at %#x are not in the arena", n, addr), unix.EFAULT)
	}
	return m.mem[m.data+at:][:n:n], nil
}

// AllocPages takes pages that lie one behind the other, as bpf_arena_alloc_pages does,
// and returns the address for users. The error wraps ENOMEM if there are none.
func (m *Map) AllocPages(pages uint32) (addr uint64, err error) {
	if err := m.arenaWritable("alloc_pages"); err != nil {
		return 0, err
	}
	if pages == 0 || pages > m.spec.MaxEntries {
		return 0, m.fail("alloc_pages: number of pages", unix.EINVAL)
	}
	for at, tries := uint32(0), 0; at+pages <= m.spec.MaxEntries && tries < mostTries; {
		switch have := m.freePages(at, pages); {
		case have < pages:
			at += have + 1
		case m.takePages(at, pages):
			clear(m.mem[m.data+uint64(at)*abi.MAP_PAGE:][:uint64(pages)*abi.MAP_PAGE])
			return m.spec.Start + uint64(at)*abi.MAP_PAGE, nil
		default:
			tries++
		}
	}
	return 0, m.fail("alloc_pages", unix.ENOMEM)
}

// FreePages gives pages back, as many of them as there are.
func (m *Map) FreePages(addr uint64, pages uint32) error {
	if err := m.arenaWritable("free_pages"); err != nil {
		return err
	}
	at := (uint32(addr) - uint32(m.spec.Start)) / abi.MAP_PAGE
	if at < m.spec.MaxEntries {
		m.givePages(at, min(pages, m.spec.MaxEntries-at))
	}
	return nil
}

func (m *Map) arenaWritable(what string) error {
	switch {
	case m.spec.Type != Arena:
		return m.fail(what+": it is no arena", unix.EOPNOTSUPP)
	case m.file == nil:
		return m.fail(what+": it is open for reading only", unix.EBADF)
	case m.Frozen():
		return m.fail(what+": it is frozen", unix.EPERM)
	}
	return nil
}

// freePages is how many of n pages from at on are free, without a gap.
func (m *Map) freePages(at, n uint32) (have uint32) {
	for have < n {
		word, bit := m.pageWord(at + have)
		room := 64 - bit
		here := min(uint32(bits.TrailingZeros64(^(m.u64(word) >> bit))), room)
		if have += here; here < room {
			break
		}
	}
	return min(have, n)
}

// pageWord is where the bit of a page is.
func (m *Map) pageWord(n uint32) (word uint64, bit uint32) { return m.free + uint64(n/64*8), n % 64 }

// takePages takes all of n pages from at on, or none.
func (m *Map) takePages(at, n uint32) bool {
	for have := uint32(0); have < n; {
		word, bit := m.pageWord(at + have)
		count := min(64-bit, n-have)
		mask := ^uint64(0) >> (64 - count) << bit
		old := m.u64(word)
		for old&mask == mask && !m.cas(word, old, old&^mask) {
			old = m.u64(word)
		}
		if old&mask != mask {
			m.givePages(at, have)
			return false
		}
		have += count
	}
	return true
}

func (m *Map) givePages(at, n uint32) {
	for have := uint32(0); have < n; {
		word, bit := m.pageWord(at + have)
		count := min(64-bit, n-have)
		mask := ^uint64(0) >> (64 - count) << bit
		for old := m.u64(word); !m.cas(word, old, old|mask); {
			old = m.u64(word)
		}
		have += count
	}
}
