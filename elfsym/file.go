package elfsym

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// ErrNoSymbol is wrapped by the error of a lookup that found nothing.
var ErrNoSymbol = errors.New("no such symbol")

// ErrFormat is wrapped by every error about a file that is not a well-formed
// x86-64 ELF executable or shared object.
var ErrFormat = errors.New("not a usable ELF file")

// File is one ELF executable or shared object. What costs time is read when it
// is first asked for, so a File is used by one goroutine at a time.
type File struct {
	name   string
	in     input
	closer io.Closer
	dev    uint64 // of the open file; inode 0 when not known
	inode  uint64

	typ      elf.Type
	entry    uint64
	shoff    uint64
	shnum    uint64
	shstrndx uint32
	progs    []prog // all program headers
	loads    []prog // PT_LOAD, in the file's order
	text     []Func // the executable ones

	dynamic    lazy[*dynamic]
	sections   lazy[[]section]
	versions   lazy[*versionTable]
	dynsyms    lazy[*table]
	symtab     lazy[*table]
	debug      lazy[*table]
	hdr        lazy[*frameHdr]
	frames     lazy[*frames]
	funcs      lazy[[]Func]
	namedFuncs lazy[[]Func]
	scans      int // of symbols, before namedFuncs is made
	blocks     blocks
	colds      lazy[map[uint64]Func]
	pointers   lazy[[]uint64]
	walker     lazy[string]
	slots      lazy[map[uint64]uint32]
	markers    lazy[[]USDT]
}

// lazy is a value that is made once, when it is first asked for.
type lazy[T any] struct {
	done bool
	v    T
	err  error
}

func (l *lazy[T]) get(make func() (T, error)) (T, error) {
	if !l.done {
		l.v, l.err = make()
		l.done = true
	}
	return l.v, l.err
}

// prog is a program header.
type prog struct {
	typ          elf.ProgType
	flags        elf.ProgFlag
	off, filesz  uint64
	vaddr, memsz uint64
}

// Sizes of the structures of the ELF specification, in bytes.
const (
	ehdrSize = 64
	phdrSize = 56
	shdrSize = 64
	symSize  = 24
	relaSize = 24
	dynSize  = 16
)

// maxProgs bounds the program headers; real files have about a dozen.
const maxProgs = 1024

// Open reads the headers of the file at path. The caller closes it.
func Open(path string) (*File, error) {
	fd, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := New(path, fd)
	if err != nil {
		fd.Close()
		return nil, err
	}
	f.closer = fd
	return f, nil
}

// New reads the headers of the file that r holds; name is for messages. r must
// not change, and stay readable as long as the File is used.
func New(name string, r io.ReaderAt) (*File, error) {
	f := &File{name: name}
	in, err := newInput(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.in = in
	if s, ok := r.(interface{ Stat() (os.FileInfo, error) }); ok {
		f.identify(s.Stat())
	}
	if err := f.readHeaders(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// identify keeps device and inode, by which a mapping of this file is known.
func (f *File) identify(fi os.FileInfo, err error) {
	if err != nil {
		return
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		f.dev, f.inode = st.Dev, st.Ino
	}
}

// readHeaders reads the ELF header and the program headers, which nearly always
// share the file's first page.
func (f *File) readHeaders() error {
	page, err := f.in.read(0, min(f.in.size, 4096))
	if err != nil {
		return err
	}
	if err := f.parseHeader(page); err != nil {
		return err
	}
	phoff, phnum := le.Uint64(page[32:]), uint64(le.Uint16(page[56:]))
	if n := le.Uint16(page[54:]); n != phdrSize || phnum > maxProgs {
		return fmt.Errorf("%w: %d program headers of %d bytes", ErrFormat, phnum, n)
	}
	table := page
	if phoff > uint64(len(page)) || phnum*phdrSize > uint64(len(page))-phoff {
		if table, err = f.in.read(phoff, phnum*phdrSize); err != nil {
			return fmt.Errorf("program headers: %w", err)
		}
		phoff = 0
	}
	return f.parseProgs(table[phoff:][:phnum*phdrSize])
}

// parseHeader checks that this is an x86-64 program or library.
func (f *File) parseHeader(h []byte) error {
	if len(h) < ehdrSize || !bytes.HasPrefix(h, []byte(elf.ELFMAG)) {
		return fmt.Errorf("%w: no ELF header", ErrFormat)
	}
	// Numbers are printed, not names: those of debug/elf are tables of strings,
	// each of which the agent would have to relocate.
	if c, d := h[elf.EI_CLASS], h[elf.EI_DATA]; c != byte(elf.ELFCLASS64) || d != byte(elf.ELFDATA2LSB) {
		return fmt.Errorf("%w: class %d, byte order %d; only 64-bit little-endian files are handled", ErrFormat, c, d)
	}
	typ, machine := le.Uint16(h[16:]), le.Uint16(h[18:])
	f.typ = elf.Type(typ)
	if f.typ != elf.ET_EXEC && f.typ != elf.ET_DYN {
		return fmt.Errorf("%w: type %d is neither an executable (2) nor a shared object (3)", ErrFormat, typ)
	}
	if elf.Machine(machine) != elf.EM_X86_64 {
		return fmt.Errorf("%w: machine %d, not x86-64 (62)", ErrFormat, machine)
	}
	f.entry = le.Uint64(h[24:])
	f.shoff = le.Uint64(h[40:])
	f.shnum = uint64(le.Uint16(h[60:]))
	f.shstrndx = uint32(le.Uint16(h[62:]))
	if f.shoff != 0 && le.Uint16(h[58:]) != shdrSize {
		f.shoff = 0 // not a section table: do as if it were stripped
	}
	return nil
}

// parseProgs keeps all program headers, and apart from them the segments.
func (f *File) parseProgs(table []byte) error {
	for p := table; len(p) >= phdrSize; p = p[phdrSize:] {
		h := prog{
			typ:    elf.ProgType(le.Uint32(p)),
			flags:  elf.ProgFlag(le.Uint32(p[4:])),
			off:    le.Uint64(p[8:]),
			vaddr:  le.Uint64(p[16:]),
			filesz: le.Uint64(p[32:]),
			memsz:  le.Uint64(p[40:]),
		}
		f.progs = append(f.progs, h)
		if h.typ != elf.PT_LOAD {
			continue
		}
		if err := f.checkLoad(h); err != nil {
			return fmt.Errorf("program header %d: %w", len(f.progs)-1, err)
		}
		f.loads = append(f.loads, h)
		if h.flags&elf.PF_X != 0 && h.filesz != 0 {
			f.text = append(f.text, Func{h.vaddr, h.vaddr + h.filesz})
		}
	}
	if len(f.loads) == 0 {
		return fmt.Errorf("%w: no PT_LOAD segment", ErrFormat)
	}
	return nil
}

// checkLoad holds a segment to what the kernel would map: contents inside the
// file, addresses inside the lower half, page on page.
func (f *File) checkLoad(h prog) error {
	if !f.in.has(h.off, h.filesz) {
		return fmt.Errorf("%w: its contents are %#x+%#x, the file has %#x: it is cut off", ErrFormat, h.off, h.filesz, f.in.size)
	}
	if h.filesz > h.memsz {
		return fmt.Errorf("%w: contents of %#x bytes in %#x of memory", ErrFormat, h.filesz, h.memsz)
	}
	const half = 1 << 47
	if h.vaddr >= half || h.memsz >= half-h.vaddr {
		return fmt.Errorf("%w: addresses %#x+%#x", ErrFormat, h.vaddr, h.memsz)
	}
	if h.filesz != 0 && (h.vaddr-h.off)%pageSize != 0 {
		return fmt.Errorf("%w: offset %#x cannot be mapped at %#x", ErrFormat, h.off, h.vaddr)
	}
	return nil
}

// Close closes the file that Open opened. What was read stays usable.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Name is the path the File was opened by.
func (f *File) Name() string { return f.name }

// PIE reports whether the file is loaded at a bias: ET_DYN, so every shared
// object and every position-independent program.
func (f *File) PIE() bool { return f.typ == elf.ET_DYN }

// Entry is the virtual address where the program starts.
func (f *File) Entry() uint64 { return f.entry }

// Interp is the program's dynamic loader (PT_INTERP), empty when it has none.
// Some libraries that can be run, libc.so.6 for one, have one too.
func (f *File) Interp() string {
	for _, p := range f.progs {
		if p.typ == elf.PT_INTERP && p.filesz <= 4096 {
			b, err := f.in.read(p.off, p.filesz)
			if err != nil {
				return ""
			}
			b, _, _ = bytes.Cut(b, []byte{0})
			return string(b)
		}
	}
	return ""
}

// BuildID is the descriptor of the NT_GNU_BUILD_ID note, nil without one.
func (f *File) BuildID() []byte {
	for _, p := range f.progs {
		if p.typ != elf.PT_NOTE || p.filesz > 1<<20 {
			continue
		}
		if b, err := f.in.read(p.off, p.filesz); err == nil {
			if id := buildID(b); id != nil {
				return id
			}
		}
	}
	return nil
}
