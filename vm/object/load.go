package object

import (
	"cmp"
	"debug/elf"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/cilium/ebpf/btf"
)

// LoadFile reads the object at path.
func LoadFile(path string) (*Spec, error) {
	// A FIFO would wait for somebody to write to it.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, of(path, failure("", "%w", errors.Unwrap(err)))
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, of(path, failure("", "not a file"))
	}
	image, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, of(path, failure("", "%w", err))
	}
	return Load(path, image)
}

// Load reads an object. The name is for messages. The Spec keeps parts of image.
func Load(name string, image []byte) (spec *Spec, err error) {
	defer recovered(name, "reading", &err)
	if len(image) > MaxSize {
		return nil, of(name, failure("", "larger than %d MiB", MaxSize>>20).helped("strip its debug sections: llvm-strip -g"))
	}
	r := &reader{
		image: image, spec: &Spec{Name: name},
		objects:   map[elf.SectionIndex][]elf.Symbol{},
		functions: map[place]string{}, maps: map[place]string{}, data: map[elf.SectionIndex]*MapSpec{},
		code: map[elf.SectionIndex]*code{}, taken: map[string]bool{}, externs: map[string]*Extern{},
	}
	for _, step := range []func() error{r.open, r.readBTF, r.readLicense, r.readMaps, r.readData, r.readExterns, r.readFunctions} {
		if err := step(); err != nil {
			return nil, of(name, err)
		}
	}
	return r.spec, nil
}

func (r *reader) readLicense() error {
	s := r.section("license")
	if s == nil {
		return nil
	}
	text, err := r.bytes(s)
	r.spec.License, _, _ = strings.Cut(string(text[:min(len(text), 128)]), "\x00")
	return err
}

// readExterns collects the symbols that are defined elsewhere, and gives those
// of .kconfig a place in a map.
func (r *reader) readExterns() error {
	for _, s := range r.symbols {
		if s.Section == elf.SHN_UNDEF && s.Name != "" && r.externs[s.Name] == nil {
			x := &Extern{Name: s.Name, Weak: elf.ST_BIND(s.Info) == elf.STB_WEAK}
			r.externs[s.Name] = x
			r.spec.Externs = append(r.spec.Externs, x)
		}
	}
	config, err := r.layOut(".kconfig")
	if config == nil || err != nil {
		return err
	}
	for _, v := range config.Vars {
		if x := r.externs[v.Type.TypeName()]; x != nil {
			x.Config, x.Type, x.Offset = true, v.Type.(*btf.Var).Type, v.Offset
		}
	}
	r.spec.Maps = append(r.spec.Maps, dataMap(".kconfig", make([]byte, config.Size), config))
	return nil
}

// readFunctions finds all functions and then reads them, since they refer to
// each other.
func (r *reader) readFunctions() error {
	var found []elf.Symbol
	for _, s := range r.symbols {
		section := r.sectionOf(s)
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || section == nil || !isCode(section) {
			continue
		}
		at := place{s.Section, s.Value}
		if other := r.functions[at]; other != "" {
			return failure(sectionPlace(section), "functions %s and %s begin at the same place", other, s.Name)
		}
		r.functions[at] = s.Name
		found = append(found, s)
	}
	slices.SortFunc(found, func(a, b elf.Symbol) int {
		return cmp.Or(cmp.Compare(r.rank(a), r.rank(b)), cmp.Compare(a.Section, b.Section), cmp.Compare(a.Value, b.Value))
	})
	for _, s := range found {
		if err := r.readFunction(s); err != nil {
			return err
		}
	}
	// Sections of a compiler's own that nothing refers to, like merged strings.
	r.spec.Maps = slices.DeleteFunc(r.spec.Maps, func(m *MapSpec) bool { return m.IsData() && !m.used && m.Value == nil })
	return nil
}

// rank puts functions that only others call last.
func (r *reader) rank(s elf.Symbol) int {
	if isLibrary(r.sections[s.Section].Name) {
		return 1
	}
	return 0
}

// isLibrary reports whether a section holds functions that are no programs.
func isLibrary(section string) bool {
	return section == ".text" || strings.HasPrefix(section, ".text.")
}
