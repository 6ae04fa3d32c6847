package elfsym

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// maxDebugdata bounds what .gnu_debugdata is unpacked to.
const maxDebugdata = 64 << 20

// debugSymbols is the symbol table in .gnu_debugdata ("MiniDebugInfo"): an
// xz-compressed ELF file with the functions that .dynsym does not have. It has
// the section numbers and addresses of the file it is in.
func (f *File) debugSymbols() (*table, error) {
	return f.debug.get(func() (*table, error) {
		s, ok := f.sectionNamed(".gnu_debugdata")
		if !ok {
			return nil, nil
		}
		t, err := f.readDebugdata(s)
		if err != nil {
			return nil, fmt.Errorf(".gnu_debugdata: %w", err)
		}
		return t, nil
	})
}

func (f *File) readDebugdata(s section) (*table, error) {
	packed, err := f.in.read(s.off, s.size)
	if err != nil {
		return nil, err
	}
	plain, err := unxz(packed, maxDebugdata)
	if err != nil {
		return nil, err
	}
	mini := File{in: input{bytes.NewReader(plain), uint64(len(plain))}}
	if err := mini.parseHeader(plain); err != nil {
		return nil, err
	}
	sections, err := mini.sectionTable()
	if err != nil {
		return nil, err
	}
	t, err := symtabIn(mini.in, sections, elf.SHT_SYMTAB)
	if t != nil {
		t.debug = true
	}
	return t, err
}
