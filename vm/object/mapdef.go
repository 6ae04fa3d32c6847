package object

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// readMaps reads the definitions in ".maps". They are written in types: the
// section's bytes are zero, except that relocations say what the slots of
// `values` name.
func (r *reader) readMaps() error {
	for _, s := range r.sections {
		if s.Name == "maps" || len(s.Name) > 5 && s.Name[:5] == "maps/" {
			return failure(sectionPlace(s), "maps defined by struct bpf_map_def").
				helped(`define them in SEC(".maps") with __uint and __type, as libbpf 1.0 wants`)
		}
	}
	n := slices.IndexFunc(r.sections, func(s *elf.Section) bool { return s.Name == ".maps" })
	if n < 0 {
		return nil
	}
	types := r.datasec(".maps")
	if types == nil {
		return failure(`section ".maps"`, "there is no BTF, which defines the maps").helped("compile with -g")
	}
	relocs, err := r.relocations(n)
	if err != nil {
		return err
	}
	return r.readDefinitions(elf.SectionIndex(n), types, relocs)
}

func (r *reader) readDefinitions(n elf.SectionIndex, types *btf.Datasec, relocs map[uint64]relocation) error {
	symbols := map[string]elf.Symbol{}
	for _, s := range r.objects[n] {
		symbols[s.Name] = s
	}
	defined := map[string]bool{}
	for _, v := range types.Vars {
		name := v.Type.TypeName()
		in := fmt.Sprintf("map %s", name)
		symbol, ok := symbols[name]
		if !ok {
			return failure(in, `BTF knows it, section ".maps" does not`)
		}
		at := place{n, symbol.Value}
		if r.maps[at] != "" || defined[name] {
			return failure(in, "is defined twice")
		}
		defined[name] = true
		m, err := defineMap(name, v.Type, false)
		if err == nil {
			err = m.fill(symbol, v.Type, relocs)
		}
		if err != nil {
			return failure(in, "%w", err)
		}
		r.maps[at] = name
		r.spec.Maps = append(r.spec.Maps, m)
	}
	return nil
}

// definition is the struct behind a map's variable.
func definition(t btf.Type) (*btf.Struct, error) {
	if v, ok := t.(*btf.Var); ok {
		t = v.Type
	}
	s, ok := btf.As[*btf.Struct](t)
	if !ok {
		return nil, fmt.Errorf("is defined by a %s, not by a struct", typeName(t))
	}
	return s, nil
}

// defineMap reads one definition, as libbpf's parse_btf_map_def does.
func defineMap(name string, t btf.Type, inner bool) (*MapSpec, error) {
	s, err := definition(t)
	if err != nil {
		return nil, err
	}
	m := &MapSpec{Name: name}
	for _, member := range s.Members {
		if err := m.member(member, inner); err != nil {
			return nil, fmt.Errorf("%s: %w", cmp.Or(member.Name, "unnamed member"), err)
		}
	}
	if m.Type == 0 {
		return nil, errors.New("type: is missing")
	}
	if m.Type == Arena {
		m.Extra = cmp.Or(m.Extra, ArenaStart)
	}
	return m, nil
}

// member reads one line of a definition.
func (m *MapSpec) member(member btf.Member, inner bool) (err error) {
	number := func(field *uint32) error {
		v, err := definedNumber(member.Type)
		if err == nil && v > 1<<32-1 {
			err = fmt.Errorf("%d is more than 32 bits", v)
		}
		*field = uint32(v)
		return err
	}
	switch member.Name {
	case "type":
		return number((*uint32)(&m.Type))
	case "max_entries":
		return number(&m.MaxEntries)
	case "map_flags":
		return number(&m.Flags)
	case "key_size":
		return m.size(&m.KeySize, number)
	case "value_size":
		return m.size(&m.ValueSize, number)
	case "key":
		return m.sizeOf(&m.Key, &m.KeySize, member.Type)
	case "value":
		return m.sizeOf(&m.Value, &m.ValueSize, member.Type)
	case "map_extra":
		m.Extra, err = definedNumber(member.Type)
		return err
	case "numa_node": // memory is where the process puts it
		_, err = definedNumber(member.Type)
		return err
	case "pinning":
		pin, err := definedNumber(member.Type)
		m.Pinned = pin != 0
		return err
	case "values":
		return m.values(member.Type, inner)
	}
	return errors.New("no property of a map; " + suggest(member.Name, mapProperties))
}

var mapProperties = []string{"type", "key", "key_size", "value", "value_size", "max_entries", "map_flags", "map_extra", "numa_node", "pinning", "values"}

// size reads a size that a type may have given already.
func (m *MapSpec) size(field *uint32, number func(*uint32) error) error {
	before := *field
	if err := number(field); err != nil {
		return err
	}
	if before != 0 && before != *field {
		return fmt.Errorf("%d bytes here, %d elsewhere in the definition", *field, before)
	}
	return nil
}

// sizeOf reads a type, and the size that it has.
func (m *MapSpec) sizeOf(typ *btf.Type, field *uint32, t btf.Type) error {
	p, ok := t.(*btf.Pointer)
	if !ok {
		return fmt.Errorf("a %s where __type puts a pointer", typeName(t))
	}
	*typ = p.Target
	return m.size(field, func(field *uint32) error {
		n, err := btf.Sizeof(p.Target)
		if err == nil && (n < 0 || n > MaxData) {
			err = fmt.Errorf("%d bytes", n)
		}
		*field = uint32(n)
		return err
	})
}

// values reads `__array(values, T)`: an array of pointers to T, a map's
// definition or a program.
func (m *MapSpec) values(t btf.Type, inner bool) error {
	array, ok := t.(*btf.Array)
	if !ok {
		return fmt.Errorf("a %s where __array puts an array", typeName(t))
	}
	p, ok := array.Type.(*btf.Pointer)
	switch {
	case !ok:
		return fmt.Errorf("%s is no pointer", typeName(array.Type))
	case inner:
		return errors.New("maps of maps of maps do not exist")
	}
	m.ValueSize = 4
	if _, ok := p.Target.(*btf.FuncProto); ok {
		return nil
	}
	var err error
	m.Inner, err = defineMap(m.Name+".inner", p.Target, true)
	return err
}

// fill reads the entries of `values`, which is the last member.
func (m *MapSpec) fill(symbol elf.Symbol, t btf.Type, relocs map[uint64]relocation) error {
	const pointer = 8
	s, err := definition(t)
	if err != nil {
		return err
	}
	last := slices.IndexFunc(s.Members, func(member btf.Member) bool { return member.Name == "values" })
	if last < 0 {
		return nil
	}
	start := symbol.Value + uint64(s.Members[last].Offset.Bytes())
	for at, r := range relocs {
		if at < start || at-symbol.Value >= symbol.Size {
			continue
		}
		if (at-start)%pointer != 0 || r.symbol.Name == "" {
			return fmt.Errorf("values: entry at byte %d names nothing", at-start)
		}
		m.Values = append(m.Values, MapValue{Index: uint32((at - start) / pointer), Name: r.symbol.Name})
	}
	slices.SortFunc(m.Values, func(a, b MapValue) int { return cmp.Compare(a.Index, b.Index) })
	return nil
}

// definedNumber is the number behind __uint, int (*)[N], or __ulong, an enum.
func definedNumber(t btf.Type) (uint64, error) {
	switch t := t.(type) {
	case *btf.Pointer:
		if a, ok := t.Target.(*btf.Array); ok {
			return uint64(a.Nelems), nil
		}
	case *btf.Enum:
		if len(t.Values) > 0 {
			return t.Values[0].Value, nil
		}
	}
	return 0, fmt.Errorf("a %s where __uint puts a number", typeName(t))
}
