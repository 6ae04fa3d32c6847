package object

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Limits of what is read.
const (
	MaxSize     = 16 << 20 // bytes of a file
	MaxData     = 64 << 20 // bytes of all data sections
	MaxSections = 8192
)

// reader reads one file.
type reader struct {
	image    []byte
	sections []*elf.Section
	symbols  []elf.Symbol                      // symbol number n is symbols[n-1]
	objects  map[elf.SectionIndex][]elf.Symbol // STT_OBJECT, by section
	ext      *btf.ExtInfos
	spec     *Spec

	functions map[place]string
	maps      map[place]string
	data      map[elf.SectionIndex]*MapSpec
	code      map[elf.SectionIndex]*code
	taken     map[string]bool    // names of functions read
	externs   map[string]*Extern // of the spec
}

// place is a position in the file's sections.
type place struct {
	section elf.SectionIndex
	offset  uint64
}

// open reads the file's own tables, and nothing else yet.
func (r *reader) open() error {
	f, err := elf.NewFile(bytes.NewReader(r.image))
	if err != nil {
		return failure("", "no ELF file: %w", err).helped("compile it with clang -target bpf -g -O2 -c")
	}
	switch {
	case f.Machine != elf.EM_BPF:
		return failure("", "machine code for %v", f.Machine).helped("compile it with clang -target bpf -g -O2 -c")
	case f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB:
		return failure("", "not 64-bit little-endian").helped("compile it with -target bpf or bpfel")
	case f.Type != elf.ET_REL:
		return failure("", "an ELF file of type %v, wanted ET_REL", f.Type).helped("give the .o file that clang -c makes")
	}
	r.sections = f.Sections
	if len(r.sections) > MaxSections {
		return failure("", "%d sections are more than %d", len(r.sections), MaxSections)
	}
	if r.symbols, err = f.Symbols(); err != nil {
		return failure("", "symbol table: %w", err)
	}
	for _, s := range r.symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_OBJECT {
			r.objects[s.Section] = append(r.objects[s.Section], s)
		}
	}
	return r.checkSizes()
}

// checkSizes makes sure that sections are as large as they say, which libraries
// believe.
func (r *reader) checkSizes() error {
	data := uint64(0)
	for _, s := range r.sections {
		if s.Type == elf.SHT_PROGBITS && s.Flags&elf.SHF_COMPRESSED == 0 {
			if _, err := r.bytes(s); err != nil {
				return err
			}
		}
		if s.Type != elf.SHT_NOBITS && !isData(s) {
			continue
		}
		if data += s.Size; s.Size > MaxData || data > MaxData {
			return failure(sectionPlace(s), "all data sections together take more than %d MiB", MaxData>>20)
		}
	}
	return nil
}

// bytes are the contents of a section.
func (r *reader) bytes(s *elf.Section) ([]byte, error) {
	switch {
	case s.Flags&elf.SHF_COMPRESSED != 0:
		return nil, failure(sectionPlace(s), "compressed; only debug sections may be")
	case s.Type == elf.SHT_NOBITS:
		return nil, failure(sectionPlace(s), "has no contents in the file")
	case s.Offset > uint64(len(r.image)) || s.Size > uint64(len(r.image))-s.Offset:
		return nil, failure(sectionPlace(s), "%d bytes at %d are not in the file, which has %d", s.Size, s.Offset, len(r.image))
	}
	return r.image[s.Offset : s.Offset+s.Size], nil
}

// section finds a section by name.
func (r *reader) section(name string) *elf.Section {
	for _, s := range r.sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// sectionOf is the section of a symbol; nil where it is in none.
func (r *reader) sectionOf(s elf.Symbol) *elf.Section {
	if s.Section == elf.SHN_UNDEF || int(s.Section) >= len(r.sections) {
		return nil
	}
	return r.sections[s.Section]
}

func sectionPlace(s *elf.Section) string { return fmt.Sprintf("section %q", s.Name) }

func isCode(s *elf.Section) bool {
	return s.Type == elf.SHT_PROGBITS && s.Flags&elf.SHF_EXECINSTR != 0
}

func isData(s *elf.Section) bool {
	if s.Type != elf.SHT_PROGBITS && s.Type != elf.SHT_NOBITS || isCode(s) {
		return false
	}
	for _, name := range []string{".data", ".rodata", ".bss", arenaSection} {
		if s.Name == name || strings.HasPrefix(s.Name, name+".") {
			return true
		}
	}
	return false
}

// relocation is an entry of an SHT_REL section.
type relocation struct {
	symbol elf.Symbol
	kind   uint32
}

// R_BPF types (llvm/include/llvm/BinaryFormat/ELFRelocs/BPF.def) that an
// instruction can have.
const (
	relocAddress = 1  // R_BPF_64_64: the constant of an LDDW
	relocCall    = 10 // R_BPF_64_32: the constant of a call
)

// relocations are those of a section, by offset in it.
func (r *reader) relocations(section int) (map[uint64]relocation, error) {
	const entry = 16
	out := map[uint64]relocation{}
	for _, s := range r.sections {
		if s.Type != elf.SHT_REL || s.Info != uint32(section) {
			continue
		}
		table, err := r.bytes(s)
		if err != nil {
			return nil, err
		}
		if s.Entsize != entry || len(table)%entry != 0 {
			return nil, failure(sectionPlace(s), "%d bytes in entries of %d, not %d", len(table), s.Entsize, entry)
		}
		for ; len(table) > 0; table = table[entry:] {
			offset, info := binary.LittleEndian.Uint64(table), binary.LittleEndian.Uint64(table[8:])
			number := elf.R_SYM64(info)
			if number == 0 || uint64(number) > uint64(len(r.symbols)) {
				return nil, failure(sectionPlace(s), "relocation at %d: there is no symbol %d", offset, number)
			}
			out[offset] = relocation{r.symbols[number-1], elf.R_TYPE64(info)}
		}
	}
	return out, nil
}
