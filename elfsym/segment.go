package elfsym

import (
	"debug/elf"
	"fmt"
)

const pageSize = 0x1000

func pageDown(a uint64) uint64 { return a &^ (pageSize - 1) }
func pageUp(a uint64) uint64   { return (a + pageSize - 1) &^ (pageSize - 1) }

// LoadBase is the page of the lowest PT_LOAD segment. The bias of a loaded file
// is the address of that page less LoadBase.
func (f *File) LoadBase() uint64 {
	lo := f.loads[0].vaddr
	for _, p := range f.loads {
		lo = min(lo, p.vaddr)
	}
	return pageDown(lo)
}

// LoadEnd is the end of the last page that a PT_LOAD segment reaches into.
func (f *File) LoadEnd() uint64 {
	hi := uint64(0)
	for _, p := range f.loads {
		hi = max(hi, p.vaddr+p.memsz)
	}
	return pageUp(hi)
}

// loadAt is the segment whose file contents include vaddr.
func (f *File) loadAt(vaddr uint64) (*prog, bool) {
	for i := range f.loads {
		if p := &f.loads[i]; vaddr-p.vaddr < p.filesz {
			return p, true
		}
	}
	return nil, false
}

// Bytes returns n bytes of the file's contents at vaddr, as they are before any
// relocation. All lie in one segment; what is zero-filled memory only is not
// in the file.
func (f *File) Bytes(vaddr uint64, n int) ([]byte, error) {
	b, err := f.contents(vaddr, uint64(n))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return b, nil
}

// contents is Bytes for a size that comes from the file. What it returns may be kept
// for others, and is not to be changed.
func (f *File) contents(vaddr, n uint64) ([]byte, error) {
	p, ok := f.loadAt(vaddr)
	if !ok || n > p.filesz-(vaddr-p.vaddr) {
		return nil, fmt.Errorf("%w: no contents for %#x+%#x", ErrFormat, vaddr, n)
	}
	if b := f.small(p.off+(vaddr-p.vaddr), n); b != nil {
		return b, nil
	}
	return f.in.read(p.off+(vaddr-p.vaddr), n)
}

// upTo returns at most n bytes at vaddr, fewer where the contents end.
func (f *File) upTo(vaddr, n uint64) ([]byte, error) {
	p, ok := f.loadAt(vaddr)
	if !ok {
		return nil, fmt.Errorf("%w: no contents for %#x", ErrFormat, vaddr)
	}
	return f.in.read(p.off+(vaddr-p.vaddr), min(n, p.filesz-(vaddr-p.vaddr), maxRead))
}

// Text is the code in the file, a range for each executable segment. The slice
// is the File's own.
func (f *File) Text() []Func { return f.text }

// Code is Text as the section headers narrow it: the sections that hold instructions,
// in the order of their addresses. Where there are none it is Text.
func (f *File) Code() []Func {
	sections, _ := f.sectionTable()
	var code []Func
	for _, s := range sections {
		if s.flags&elf.SHF_EXECINSTR != 0 && s.typ == elf.SHT_PROGBITS && s.size > 0 && f.Executable(s.addr) && f.Executable(s.addr+s.size-1) {
			code = append(code, Func{s.addr, s.addr + s.size})
		}
	}
	if len(code) == 0 {
		return f.text
	}
	return join(code)
}

// Executable reports whether vaddr is code from the file.
func (f *File) Executable(vaddr uint64) bool {
	for _, t := range f.text {
		if vaddr-t.Lo < t.Hi-t.Lo {
			return true
		}
	}
	return false
}

// Writable reports whether the n bytes at vaddr are data that stays writable when the
// file is loaded.
func (f *File) Writable(vaddr, n uint64) bool {
	within := func(p prog) bool { return vaddr-p.vaddr < p.memsz && n <= p.memsz-(vaddr-p.vaddr) }
	writable := false
	for _, p := range f.progs {
		switch {
		case p.typ == elf.PT_GNU_RELRO && within(p):
			return false
		case p.typ == elf.PT_LOAD && p.flags&elf.PF_W != 0 && p.flags&elf.PF_X == 0 && within(p):
			writable = true
		}
	}
	return writable
}

// FileOffset is where in the file the byte for vaddr stands.
func (f *File) FileOffset(vaddr uint64) (uint64, bool) {
	p, ok := f.loadAt(vaddr)
	if !ok {
		return 0, false
	}
	return p.off + (vaddr - p.vaddr), true
}

// Vaddr is the address of the byte at file offset off; ok is false when it is
// not part of a segment. Where segments share bytes, the one with code counts.
func (f *File) Vaddr(off uint64) (vaddr uint64, ok bool) {
	for _, p := range f.loads {
		if off-p.off >= p.filesz {
			continue
		}
		if p.flags&elf.PF_X != 0 {
			return p.vaddr + (off - p.off), true
		}
		if !ok {
			vaddr, ok = p.vaddr+(off-p.off), true
		}
	}
	return vaddr, ok
}
