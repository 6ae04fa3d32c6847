package elfsym

import (
	"debug/elf"
	"fmt"
)

// dynamic is what PT_DYNAMIC says; addresses are the file's own. An entry that
// is missing is 0.
type dynamic struct {
	symtab, strtab, strsz     uint64
	hash, gnuHash             uint64
	versym, verdef, verdefnum uint64
	rela, relasz              uint64
	relr, relrsz              uint64
	jmprel, pltrelsz          uint64
	soname                    uint64
	flags1                    uint64
}

// Tags that debug/elf does not name.
const (
	dtRelrsz elf.DynTag = 35
	dtRelr   elf.DynTag = 36
)

// dyn reads PT_DYNAMIC; a static file has none, and gets an empty one.
func (f *File) dyn() (*dynamic, error) {
	return f.dynamic.get(func() (*dynamic, error) {
		for _, p := range f.progs {
			if p.typ != elf.PT_DYNAMIC {
				continue
			}
			b, err := f.in.read(p.off, min(p.filesz, 1<<16))
			if err != nil {
				return &dynamic{}, fmt.Errorf("PT_DYNAMIC: %w", err)
			}
			return parseDynamic(b), nil
		}
		return &dynamic{}, nil
	})
}

func parseDynamic(b []byte) *dynamic {
	d := new(dynamic)
	field := map[elf.DynTag]*uint64{
		elf.DT_SYMTAB: &d.symtab, elf.DT_STRTAB: &d.strtab, elf.DT_STRSZ: &d.strsz,
		elf.DT_HASH: &d.hash, elf.DT_GNU_HASH: &d.gnuHash,
		elf.DT_VERSYM: &d.versym, elf.DT_VERDEF: &d.verdef, elf.DT_VERDEFNUM: &d.verdefnum,
		elf.DT_RELA: &d.rela, elf.DT_RELASZ: &d.relasz, dtRelr: &d.relr, dtRelrsz: &d.relrsz,
		elf.DT_JMPREL: &d.jmprel, elf.DT_PLTRELSZ: &d.pltrelsz,
		elf.DT_SONAME: &d.soname, elf.DT_FLAGS_1: &d.flags1,
	}
	for ; len(b) >= dynSize; b = b[dynSize:] {
		tag := elf.DynTag(le.Uint64(b))
		if tag == elf.DT_NULL {
			break
		}
		if p := field[tag]; p != nil {
			*p = le.Uint64(b[8:])
		}
	}
	return d
}

// Soname is DT_SONAME, empty without one.
func (f *File) Soname() string {
	d, err := f.dyn()
	if err != nil || d.soname == 0 {
		return ""
	}
	name, err := f.dynString(d, d.soname)
	if err != nil {
		return ""
	}
	return name
}

// maxName bounds a symbol's name; the longest that was met is a C++ template of
// about 12 000 bytes.
const maxName = 16 << 10

// dynString is the string at offset off of DT_STRTAB.
func (f *File) dynString(d *dynamic, off uint64) (string, error) {
	if off >= d.strsz {
		return "", fmt.Errorf("%w: string %#x of %#x", ErrFormat, off, d.strsz)
	}
	b, err := f.upTo(d.strtab+off, min(d.strsz-off, 256))
	if err == nil && cstring(b, 0) == nil {
		b, err = f.upTo(d.strtab+off, min(d.strsz-off, maxName))
	}
	if err != nil {
		return "", err
	}
	return string(cstring(b, 0)), nil
}
