package attach

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/vm/object"
)

// plan makes map i of the object, once, and enters it in the plan.
func (l *loaded) plan(i int) error {
	if l.planned[i] != 0 {
		return nil
	}
	m := l.Maps[i]
	spec, err := mapSpec(m)
	if err != nil {
		return fmt.Errorf("%s: %w", l.spec.Name, err)
	}
	name, err := l.mapName(m)
	if err != nil {
		return err
	}
	path := filepath.Join(l.c.Dir, "maps", name)
	if !l.c.Late { // the process has it mapped, and may not be allowed to open it any more
		if err := makeFile(path, spec, l.contents(m)); err != nil {
			return err
		}
	}
	l.c.plan.Maps = append(l.c.plan.Maps, plan.Map{Path: path, Size: spec.Size()})
	l.planned[i] = uint32(len(l.c.plan.Maps))
	return l.planInner(spec)
}

// planInner makes every map of the object that may be in a map of maps, now or later: a
// process maps nothing after its start.
func (l *loaded) planInner(outer maps.Spec) error {
	for i, m := range l.Maps {
		spec, err := mapSpec(m)
		if err != nil || m.IsData() || outer.Inner == (maps.Inner{}) || maps.InnerOf(spec) != outer.Inner {
			continue
		}
		if err := l.plan(i); err != nil {
			return err
		}
	}
	return nil
}

// contents are a data section's, or the entries that the object gives a map.
func (l *loaded) contents(m *object.MapSpec) []byte {
	if m.Type == object.Arena {
		return m.Globals
	}
	names := map[uint32]string{}
	for _, v := range m.Values {
		names[v.Index] = l.name + "." + v.Name
		if inner := l.Map(v.Name); inner != nil && m.Type != object.ProgArray {
			names[v.Index], _ = l.mapName(inner) // one that has none is refused when it is planned
		}
	}
	if m.Type == object.ProgArray && l.isShared(m) {
		l.addKin(names, m.Name)
	}
	if len(names) == 0 {
		return m.Contents
	}
	return maps.References(names)
}

// addKin adds the programs that other objects give the array that they share.
func (l *loaded) addKin(names map[uint32]string, array string) {
	for _, k := range l.kin {
		m := k.Map(array)
		if m == nil || !k.isShared(m) {
			continue
		}
		for _, v := range m.Values {
			if names[v.Index] == "" {
				names[v.Index] = k.name + "." + v.Name
			}
		}
	}
}

// makeFile makes a map's file; contents are what it begins with.
func makeFile(path string, spec maps.Spec, contents []byte) error {
	if contents != nil {
		return maps.MakeFilled(path, spec, contents)
	}
	return maps.Make(path, spec)
}

// mapName is the file's: OBJECT.NAME, or NAME for a shared map. An object can have
// any bytes for a name; those that C does not have lead nowhere.
func (l *loaded) mapName(m *object.MapSpec) (string, error) {
	name := strings.TrimPrefix(m.Name, ".") // of a data section
	good := isFileName(name)
	if m.IsData() && l.Map(name) != nil { // a map that is called bss
		name = m.Name
	}
	if !good {
		return "", fmt.Errorf("%s: map %q: no file can have such a name; use letters, digits and '_'", l.spec.Name, m.Name)
	}
	if l.isShared(m) {
		return name, nil
	}
	return l.name + "." + name, nil
}

// isShared: other objects may have the same one.
func (l *loaded) isShared(m *object.MapSpec) bool {
	shared := m.Pinned || slices.ContainsFunc(l.conf.Maps, func(o config.Map) bool { return o.Name == m.Name && o.Shared })
	return shared && !m.IsData()
}

// isFileName: data sections may have dots and more inside: .rodata.str1.1.
func isFileName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
		if !letter && (i == 0 || c != '.' && c != '-' && c != '$') {
			return false
		}
	}
	return name != ""
}

func mapSpec(m *object.MapSpec) (maps.Spec, error) {
	for _, v := range m.Values {
		if v.Index >= m.MaxEntries {
			return maps.Spec{}, fmt.Errorf("map %s: entry %d is initialised, and max_entries is %d", m.Name, v.Index, m.MaxEntries)
		}
	}
	s := maps.Spec{Type: maps.Type(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags}
	if m.Inner != nil {
		inner, err := mapSpec(m.Inner)
		if err != nil {
			return maps.Spec{}, err
		}
		s.Inner = maps.InnerOf(inner)
	}
	if s.Type == maps.BloomFilter {
		s.Extra = uint32(min(m.Extra, 1<<31))
	}
	if s.Type == maps.Arena {
		s.Start = m.Extra
	}
	if s.Type.IsPerCPU() {
		s.Lanes = lanesOf(m.Value, m.ValueSize)
	}
	s.Lock = lockOf(m.Value)
	if s.Type == maps.TaskStorage && s.MaxEntries == 0 { // as the kernel wants it
		s.MaxEntries = abi.MAP_TASK_ROOM
	}
	if s.Type == maps.PerfEventArray && s.MaxEntries == 0 { // as libbpf does
		s.MaxEntries = maps.PossibleCPUs()
	}
	return s, nil
}

// lockOf is the offset of the bpf_spin_lock in a value, + 1; 0: there is none. As the
// kernel's, it is a member of the value itself.
func lockOf(value btf.Type) uint32 {
	s, ok := btf.As[*btf.Struct](value)
	if !ok {
		return 0
	}
	for _, m := range s.Members {
		if t, ok := btf.As[*btf.Struct](m.Type); ok && t.Name == "bpf_spin_lock" && t.Size == 4 {
			return m.Offset.Bytes() + 1
		}
	}
	return 0
}
