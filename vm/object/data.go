package object

import (
	"bytes"
	"cmp"
	"debug/elf"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// dataMap makes the map of a data section: one entry, the section.
func dataMap(name string, contents []byte, types *btf.Datasec) *MapSpec {
	m := &MapSpec{Name: name, Type: Array, KeySize: 4, ValueSize: uint32(len(contents)), MaxEntries: 1, Contents: contents}
	if isConstant(name) {
		m.Flags = ReadOnly
	}
	if types != nil {
		m.Value = types
	}
	return m
}

// isConstant reports whether programs cannot write to a data section.
func isConstant(name string) bool {
	return name == ".kconfig" || name == ".rodata" || len(name) > 8 && name[:8] == ".rodata."
}

// readData makes a map of every data section that something may refer to.
func (r *reader) readData() error {
	named := map[string]bool{}
	for n, s := range r.sections {
		if !isData(s) || s.Size == 0 {
			continue
		}
		if named[s.Name] {
			return failure(sectionPlace(s), "there are two sections of that name")
		}
		named[s.Name] = true
		if err := r.readDataSection(elf.SectionIndex(n), s); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readDataSection(n elf.SectionIndex, s *elf.Section) error {
	contents := make([]byte, s.Size)
	if s.Type != elf.SHT_NOBITS {
		raw, err := r.bytes(s)
		if err != nil {
			return err
		}
		contents = bytes.Clone(raw)
	}
	variables, err := r.variables(n)
	if err != nil {
		return err
	}
	m := dataMap(s.Name, contents, r.datasec(s.Name))
	m.variables = variables
	if types, ok := m.Value.(*btf.Datasec); ok {
		locate(types, variables, uint32(s.Size))
	}
	r.data[n] = m
	r.spec.Maps = append(r.spec.Maps, m)
	return nil
}

// variables are the symbols in a data section, by offset.
func (r *reader) variables(n elf.SectionIndex) ([]variable, error) {
	relocs, err := r.relocations(int(n))
	if err != nil {
		return nil, err
	}
	var out []variable
	for _, s := range r.objects[n] {
		out = append(out, variable{name: s.Name, offset: s.Value, size: s.Size})
	}
	slices.SortFunc(out, func(a, b variable) int { return cmp.Compare(a.offset, b.offset) })
	for at := range relocs {
		i, found := slices.BinarySearchFunc(out, at, func(v variable, at uint64) int { return cmp.Compare(v.offset, at) })
		if !found {
			i--
		}
		if i >= 0 {
			out[i].addresses = true
		}
	}
	return out, nil
}
