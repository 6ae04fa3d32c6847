package elfsym

import (
	"debug/elf"
	"fmt"
)

// frameHdr is .eh_frame_hdr, which PT_GNU_EH_FRAME points to:
//
//	u8 version (1), encoding of the pointer, of the count, of the table
//	pointer to .eh_frame, count
//	table: address of function, address of its FDE, ascending
//
// The table is there if it has the encoding that every linker writes: signed
// 32-bit numbers relative to the header.
type frameHdr struct {
	vaddr   uint64
	ehFrame uint64
	table   []byte // 8 bytes an entry
}

const peTable = peDatarel | peSdata4

// errNoFrames says that a file has no unwind tables.
var errNoFrames = fmt.Errorf("%w: no .eh_frame", ErrFormat)

func (f *File) frameHdr() (*frameHdr, error) {
	return f.hdr.get(func() (*frameHdr, error) {
		for _, p := range f.progs {
			if p.typ == elf.PT_GNU_EH_FRAME {
				return f.readFrameHdr(p.vaddr)
			}
		}
		return f.frameSection()
	})
}

func (f *File) readFrameHdr(vaddr uint64) (*frameHdr, error) {
	b, err := f.upTo(vaddr, 4+2*10)
	if err != nil {
		return nil, fmt.Errorf(".eh_frame_hdr: %w", err)
	}
	c := cursor{b: b, vaddr: vaddr}
	version, encFrame, encCount, encTable := c.u8(), c.u8(), c.u8(), c.u8()
	h := &frameHdr{vaddr: vaddr}
	var ok bool
	if h.ehFrame, ok = c.pointer(encFrame, base{data: vaddr}); !ok || version != 1 {
		return nil, fmt.Errorf("%w: .eh_frame_hdr of version %d with pointer encoding %#x", ErrFormat, version, encFrame)
	}
	n, ok := c.pointer(encCount, base{data: vaddr})
	if !ok || encTable != peTable {
		return h, nil
	}
	if h.table, err = f.contents(c.addr(), min(n, maxRead)*8); err != nil {
		return nil, fmt.Errorf(".eh_frame_hdr: %w", err)
	}
	return h, nil
}

// frameSection finds .eh_frame where there is no header for it.
func (f *File) frameSection() (*frameHdr, error) {
	s, ok := f.sectionNamed(".eh_frame")
	if !ok {
		return nil, errNoFrames
	}
	return &frameHdr{ehFrame: s.addr}, nil
}

func (h *frameHdr) len() int { return len(h.table) / 8 }

// entry is the function and the FDE of row i.
func (h *frameHdr) entry(i int) (fn, fde uint64) {
	row := h.table[8*i:]
	return h.vaddr + uint64(int32(le.Uint32(row))), h.vaddr + uint64(int32(le.Uint32(row[4:])))
}

// search is the last row whose function begins at or below vaddr, or -1.
func (h *frameHdr) search(vaddr uint64) int {
	lo, hi := 0, h.len()
	for lo < hi {
		mid := (lo + hi) / 2
		if fn, _ := h.entry(mid); fn <= vaddr {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}
