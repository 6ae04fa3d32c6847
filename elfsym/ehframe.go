package elfsym

import (
	"cmp"
	"fmt"
	"slices"
)

// cie is what the FDEs of one Common Information Entry share.
type cie struct {
	codeAlign    uint64
	dataAlign    int64
	encFDE       byte // of the addresses in the FDE
	encLSDA      byte // peOmit: no language-specific data
	hasAug       bool // FDEs carry augmentation data
	signal       bool // 'S': a signal frame
	instructions []byte
	vaddr        uint64 // of the instructions
}

// fde is a Frame Description Entry: the unwind rules of the code [lo, hi).
type fde struct {
	lo, hi       uint64
	lsda         uint64 // 0: none
	cie          *cie
	instructions []byte
	vaddr        uint64 // of the instructions
}

// frames reads the records of .eh_frame, each CIE once.
type frames struct {
	f     *File
	start uint64 // address of the table
	whole []byte // the table from start on, once all of it has been read
	cies  map[uint64]*cie
	list  lazy[[]fdeRange] // all FDEs by address
}

// fdeRange is the code of the FDE whose record is at vaddr.
type fdeRange struct{ lo, hi, vaddr uint64 }

// maxFrames bounds .eh_frame; a browser has 30 MB.
const maxFrames = 64 << 20

func (f *File) ehFrames() (*frames, error) {
	return f.frames.get(func() (*frames, error) {
		h, err := f.frameHdr()
		if err != nil {
			return nil, err
		}
		return &frames{f: f, start: h.ehFrame, cies: make(map[uint64]*cie)}, nil
	})
}

// entry is one record of .eh_frame: the bytes behind its length, and for an FDE
// the address of its CIE. The zero entry ends the table.
type entry struct {
	cursor
	cie  uint64 // 0: this is a CIE
	next uint64
}

// entryAt reads the record at vaddr. Lengths of 64-bit DWARF do not occur.
func (fs *frames) entryAt(vaddr uint64) (entry, error) {
	b, err := fs.bytes(vaddr, 4)
	if err != nil {
		return entry{}, err
	}
	n := uint64(le.Uint32(b))
	if n == 0 {
		return entry{}, nil
	}
	if b, err = fs.bytes(vaddr+4, n); err != nil {
		return entry{}, err
	}
	e := entry{cursor: cursor{b: b, vaddr: vaddr + 4}, next: vaddr + 4 + n}
	if id := e.u32(); id != 0 {
		e.cie = vaddr + 4 - uint64(id)
	}
	if e.short {
		return entry{}, fmt.Errorf("%w: .eh_frame: record of %d bytes at %#x", ErrFormat, n, vaddr)
	}
	return e, nil
}

// bytes reads from the file, or from memory once all has been read.
func (fs *frames) bytes(vaddr, n uint64) ([]byte, error) {
	off, size := vaddr-fs.start, uint64(len(fs.whole))
	if off >= size {
		return fs.f.contents(vaddr, n)
	}
	if n > size-off {
		return nil, fmt.Errorf("%w: .eh_frame: %d bytes at %#x run over its end", ErrFormat, n, vaddr)
	}
	return fs.whole[off:][:n], nil
}

// cieAt parses the CIE at vaddr:
//
//	u32 length, 0; u8 version; augmentation string
//	uleb code alignment; sleb data alignment; return register
//	with 'z': uleb length, then data for L (LSDA encoding), P (personality), R (FDE encoding)
//	instructions
func (fs *frames) cieAt(vaddr uint64) (*cie, error) {
	if c := fs.cies[vaddr]; c != nil {
		return c, nil
	}
	e, err := fs.entryAt(vaddr)
	if err != nil {
		return nil, err
	}
	if e.b == nil || e.cie != 0 {
		return nil, fmt.Errorf("%w: .eh_frame: no CIE at %#x", ErrFormat, vaddr)
	}
	c := &cie{encLSDA: peOmit}
	version, aug := e.u8(), e.cstring()
	if version == 4 {
		e.take(2) // sizes of address and segment selector
	}
	c.codeAlign, c.dataAlign = e.uleb(), e.sleb()
	if version == 1 {
		e.u8()
	} else {
		e.uleb()
	}
	if !c.augment(&e.cursor, aug) || e.short {
		return nil, fmt.Errorf("%w: .eh_frame: CIE of version %d, augmentation %q at %#x", ErrFormat, version, aug, vaddr)
	}
	c.vaddr = e.addr()
	c.instructions = e.b[e.pos:]
	fs.cies[vaddr] = c
	return c, nil
}

// augment reads the data that the augmentation string announces. What follows
// an unknown letter is skipped, as the length allows.
func (c *cie) augment(in *cursor, aug string) bool {
	if aug == "" {
		return true
	}
	if aug[0] != 'z' {
		return false
	}
	c.hasAug = true
	n := in.uleb()
	data := cursor{vaddr: in.addr(), b: in.take(n)}
	for _, letter := range aug[1:] {
		switch letter {
		case 'L':
			c.encLSDA = data.u8()
		case 'R':
			c.encFDE = data.u8()
		case 'P':
			data.pointerValue(data.u8())
		case 'S':
			c.signal = true
		case 'B': // return addresses signed with the B key: not here
		default:
			return !data.short
		}
	}
	return !data.short
}

// parseFDE reads what follows the CIE pointer:
//
//	begin, size, with 'z': uleb length and data (LSDA); instructions
func (fs *frames) parseFDE(e entry) (fde, error) {
	c, err := fs.cieAt(e.cie)
	if err != nil {
		return fde{}, err
	}
	at := e.vaddr
	d := fde{cie: c}
	lo, ok := e.pointer(c.encFDE, base{})
	size, sizeOK := e.pointerValue(c.encFDE)
	d.lo, d.hi = lo, lo+size
	if c.hasAug {
		n := e.uleb()
		aug := cursor{vaddr: e.addr(), b: e.take(n)}
		if c.encLSDA != peOmit {
			d.lsda, _ = aug.pointer(c.encLSDA, base{fn: lo})
		}
	}
	if !ok || !sizeOK || e.short || d.hi < d.lo {
		return fde{}, fmt.Errorf("%w: .eh_frame: FDE at %#x, pointer encoding %#x", ErrFormat, at-4, c.encFDE)
	}
	d.vaddr = e.addr()
	d.instructions = e.b[e.pos:]
	return d, nil
}

// next is the first FDE that ends behind vaddr and begins before limit. It is
// found through the header's table and read alone, unless there is no such
// table or all have been read.
func (fs *frames) next(vaddr, limit uint64) (d fde, ok bool, err error) {
	h, err := fs.f.frameHdr()
	if err != nil {
		return fde{}, false, err
	}
	if h.table != nil && !fs.list.done {
		return fs.nextInTable(h, vaddr, limit)
	}
	list, err := fs.all()
	i, _ := slices.BinarySearchFunc(list, vaddr, func(d fdeRange, v uint64) int { return cmp.Compare(d.hi, v+1) })
	if i == len(list) || list[i].lo >= limit {
		return fde{}, false, err
	}
	d, err = fs.fdeAt(list[i].vaddr)
	return d, err == nil, err
}

// nextInTable looks at the row vaddr belongs to, and at the one behind it when
// vaddr lies behind the code of the first.
func (fs *frames) nextInTable(h *frameHdr, vaddr, limit uint64) (fde, bool, error) {
	first := max(h.search(vaddr), 0)
	for i := first; i < min(first+2, h.len()); i++ {
		fn, at := h.entry(i)
		if fn >= limit {
			break
		}
		d, err := fs.fdeAt(at)
		if err == nil && d.lo != fn {
			err = fmt.Errorf("%w: .eh_frame_hdr: row %d is about %#x, its FDE about %#x", ErrFormat, i, fn, d.lo)
		}
		if err != nil || d.hi > vaddr {
			return d, err == nil, err
		}
	}
	return fde{}, false, nil
}

// fdeAt reads the FDE whose record is at vaddr.
func (fs *frames) fdeAt(vaddr uint64) (fde, error) {
	e, err := fs.entryAt(vaddr)
	if err != nil {
		return fde{}, err
	}
	if e.cie == 0 {
		return fde{}, fmt.Errorf("%w: .eh_frame: no FDE at %#x", ErrFormat, vaddr)
	}
	return fs.parseFDE(e)
}

// all is every FDE's code, by address. What is malformed ends the table there,
// with an error beside what was read before it.
func (fs *frames) all() ([]fdeRange, error) {
	return fs.list.get(func() ([]fdeRange, error) {
		b, err := fs.f.upTo(fs.start, fs.size())
		if err != nil {
			return nil, err
		}
		fs.whole = b
		list, err := fs.readAll()
		return disjoint(list), err
	})
}

// size is what the section header says, else as far as the contents go: a
// terminator ends the table.
func (fs *frames) size() uint64 {
	if s, ok := fs.f.sectionNamed(".eh_frame"); ok && s.addr == fs.start {
		return min(s.size, maxFrames)
	}
	return maxFrames
}

// readAll walks the table and keeps what describes code.
func (fs *frames) readAll() ([]fdeRange, error) {
	var list []fdeRange
	end := fs.start + uint64(len(fs.whole))
	for at := fs.start; at < end && end-at >= 4; {
		e, err := fs.entryAt(at)
		if err != nil || e.b == nil {
			return list, err
		}
		this := at
		at = e.next
		if e.cie == 0 {
			continue
		}
		d, err := fs.parseFDE(e)
		if err != nil {
			return list, err
		}
		if d.lo < d.hi && fs.f.Executable(d.lo) && fs.f.Executable(d.hi-1) {
			list = append(list, fdeRange{d.lo, d.hi, this})
		}
	}
	return list, nil
}

// disjoint sorts FDEs. Of those that overlap, the one that begins first stays.
func disjoint(list []fdeRange) []fdeRange {
	slices.SortStableFunc(list, func(a, b fdeRange) int { return cmp.Compare(a.lo, b.lo) })
	end := uint64(0)
	return slices.DeleteFunc(list, func(d fdeRange) bool {
		if d.lo < end {
			return true
		}
		end = d.hi
		return false
	})
}
