package elfsym

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// section is a section header. Sections are an aid: what must work without
// them is found through the program headers.
type section struct {
	name            string
	typ             elf.SectionType
	flags           elf.SectionFlag
	addr, off, size uint64
	link            uint32
}

// sectionTable reads the section headers; a stripped table gives none.
func (f *File) sectionTable() ([]section, error) {
	return f.sections.get(func() ([]section, error) {
		if f.shoff == 0 {
			return nil, nil
		}
		return readSections(f.in, f.shoff, f.shnum, f.shstrndx)
	})
}

// readSections reads shnum headers at shoff, or as many as the first header's
// size says when there are more than the ELF header can count.
func readSections(in input, shoff, shnum uint64, shstrndx uint32) ([]section, error) {
	first, err := in.read(shoff, shdrSize)
	if err != nil {
		return nil, fmt.Errorf("section headers: %w", err)
	}
	if shnum == 0 {
		shnum = le.Uint64(first[32:])
	}
	if elf.SectionIndex(shstrndx) == elf.SHN_XINDEX {
		shstrndx = le.Uint32(first[40:])
	}
	if shnum > maxSections {
		return nil, fmt.Errorf("%w: %d section headers", ErrFormat, shnum)
	}
	table, err := in.read(shoff, shnum*shdrSize)
	if err != nil {
		return nil, fmt.Errorf("section headers: %w", err)
	}
	sections := make([]section, shnum)
	for i := range sections {
		h := table[i*shdrSize:]
		sections[i] = section{
			typ:   elf.SectionType(le.Uint32(h[4:])),
			flags: elf.SectionFlag(le.Uint64(h[8:])),
			addr:  le.Uint64(h[16:]),
			off:   le.Uint64(h[24:]),
			size:  le.Uint64(h[32:]),
			link:  le.Uint32(h[40:]),
		}
	}
	return sections, nameSections(in, sections, table, shstrndx)
}

func nameSections(in input, sections []section, table []byte, shstrndx uint32) error {
	if uint64(shstrndx) >= uint64(len(sections)) {
		return fmt.Errorf("%w: section names in section %d of %d", ErrFormat, shstrndx, len(sections))
	}
	names, err := in.read(sections[shstrndx].off, sections[shstrndx].size)
	if err != nil {
		return fmt.Errorf("section names: %w", err)
	}
	for i := range sections {
		sections[i].name = string(cstring(names, uint64(le.Uint32(table[i*shdrSize:]))))
	}
	return nil
}

// cstring is the bytes at off up to the next NUL, nil when there is none within
// maxName.
func cstring(b []byte, off uint64) []byte {
	if off >= uint64(len(b)) {
		return nil
	}
	b = b[off:min(off+maxName, uint64(len(b)))]
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return nil
	}
	return b[:end]
}

// maxSections bounds the section headers; a linked file has some dozens.
const maxSections = 1 << 16

// sectionNamed is the first section of that name.
func (f *File) sectionNamed(name string) (section, bool) {
	sections, _ := f.sectionTable()
	for _, s := range sections {
		if s.name == name && s.typ != elf.SHT_NOBITS {
			return s, true
		}
	}
	return section{}, false
}

// symtabIn finds and reads the table of type typ with its strings.
func symtabIn(in input, sections []section, typ elf.SectionType) (*table, error) {
	for i, s := range sections {
		if s.typ != typ {
			continue
		}
		if uint64(s.link) >= uint64(len(sections)) {
			return nil, fmt.Errorf("%w: section %d: strings in section %d of %d", ErrFormat, i, s.link, len(sections))
		}
		syms, err := in.read(s.off, s.size)
		if err != nil {
			return nil, fmt.Errorf("section %d: %w", i, err)
		}
		strs, err := in.read(sections[s.link].off, sections[s.link].size)
		if err != nil {
			return nil, fmt.Errorf("section %d: %w", s.link, err)
		}
		return &table{syms: syms, strs: strs}, nil
	}
	return nil, nil
}
