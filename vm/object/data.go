package object

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
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
	if s.Name == arenaSection {
		return r.putInArena(m)
	}
	r.spec.Maps = append(r.spec.Maps, m)
	return nil
}

// arenaSection holds the variables of address space 1.
const arenaSection = ".addr_space.1"

// putInArena makes a data section the beginning of the object's arena, under whose name
// it is referred to.
func (r *reader) putInArena(m *MapSpec) error {
	var arenas []*MapSpec
	for _, candidate := range r.spec.Maps {
		if candidate.Type == Arena {
			arenas = append(arenas, candidate)
		}
	}
	in := fmt.Sprintf("section %q", m.Name)
	switch {
	case len(arenas) == 0:
		return failure(in, "variables in an arena, and no map is one").helped("define a map of type BPF_MAP_TYPE_ARENA")
	case len(arenas) > 1:
		return failure(in, "in which arena are these variables, %s or %s?", arenas[0].Name, arenas[1].Name)
	}
	arenas[0].Globals, arenas[0].Value = m.Contents, m.Value
	m.Name = arenas[0].Name
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
