package elfsym

import "bytes"

// Bits of an entry of .gnu.version.
const (
	verHidden = 0x8000 // not the default version
	verIndex  = 0x7fff // 0 local, 1 global without version
)

// versionTable is what DT_VERDEF defines.
type versionTable struct {
	d      *dynamic
	offset map[uint16]uint64 // of the name in DT_STRTAB, by version index
	name   map[uint16]string // those that were asked for
}

// versionTable walks the definitions:
//
//	u16 version, flags, ndx, cnt; u32 hash, aux, next     Elf64_Verdef
//	u32 name, next                                        Elf64_Verdaux, at aux
func (f *File) versionTable() (*versionTable, error) {
	return f.versions.get(func() (*versionTable, error) {
		d, err := f.dyn()
		t := &versionTable{d, make(map[uint16]uint64), make(map[uint16]string)}
		if err != nil || d.verdef == 0 {
			return t, err
		}
		const roomy = 64 // bytes a definition, of which 28 to 36 are usual
		b, err := f.upTo(d.verdef, max(4096, min(d.verdefnum, verIndex)*roomy))
		for n := uint64(0); n < d.verdefnum && len(b) >= 20; n++ {
			if aux := uint64(le.Uint32(b[12:])); aux+8 <= uint64(len(b)) {
				t.offset[le.Uint16(b[4:])&verIndex] = uint64(le.Uint32(b[aux:]))
			}
			next := uint64(le.Uint32(b[16:]))
			if next == 0 || next > uint64(len(b)) {
				break
			}
			b = b[next:]
		}
		return t, err
	})
}

// versionName is the name of version ndx, empty when it is not defined here.
func (f *File) versionName(ndx uint16) string {
	t, _ := f.versionTable()
	name, known := t.name[ndx]
	if off, defined := t.offset[ndx]; defined && !known {
		name, _ = f.dynString(t.d, off)
		t.name[ndx] = name
	}
	return name
}

// version is the version of symbol i of t, whose name in the file is name, and
// the name without it.
func (f *File) version(t *table, i int, name []byte) (base, version string, hidden bool) {
	if 2*i+2 <= len(t.versym) {
		v := le.Uint16(t.versym[2*i:])
		if v&verIndex <= 1 {
			return string(name), "", false
		}
		return string(name), f.versionName(v & verIndex), v&verHidden != 0
	}
	b, v, found := bytes.Cut(name, []byte("@"))
	if !found {
		return string(name), "", false
	}
	v, isDefault := bytes.CutPrefix(v, []byte("@"))
	return string(b), string(v), !isDefault
}
