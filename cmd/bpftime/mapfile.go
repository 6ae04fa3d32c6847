package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/session"
)

// An openMap is a map of a session, with its types where they are known.
type openMap struct {
	session, name string // OBJECT.NAME, or NAME of a shared one
	path          string
	*maps.Map
	key, value btf.Type
	types      *btf.Spec // of its object
	symbols    *symbols  // of addresses in a stack_trace
	labels     []string  // of an array: what its keys stand for, where that is known
}

// openMaps opens all maps of a session. What is no map is told about and passed over.
func openMaps(s *session.Session) ([]*openMap, error) {
	dir := filepath.Join(s.Dir(), "maps")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	types := readTypes(s.Dir())
	var out []*openMap
	for _, e := range entries {
		m := &openMap{session: s.Name(), name: e.Name(), path: filepath.Join(dir, e.Name())}
		if m.Map, err = maps.Open(m.path); err != nil {
			warn("%v", err)
			continue
		}
		spec := m.Spec()
		m.key, m.value, m.types = types.of(m.name)
		if !spec.Type.HasRecords() && !m.isArena() {
			m.key, m.value = fitting(m.key, spec.KeySize), fitting(m.value, spec.ValueSize)
		}
		out = append(out, m)
	}
	return out, nil
}

func closeMaps(ms []*openMap) {
	for _, m := range ms {
		if m.symbols != nil {
			m.symbols.close()
		}
		m.Close()
	}
}

// openAllMaps opens the maps of the chosen sessions.
func openAllMaps(flag string) ([]*openMap, error) {
	open, err := chosenSessions(flag)
	if err != nil {
		return nil, err
	}
	defer closeAll(open)
	var out []*openMap
	for _, s := range open {
		ms, err := openMaps(s)
		if err != nil {
			closeMaps(out)
			return nil, err
		}
		out = append(out, ms...)
	}
	return out, nil
}

// findMap opens the map that a name means: [SESSION/][OBJECT.]NAME.
func findMap(flag, name string) (*openMap, error) {
	if in, rest, ok := strings.Cut(name, "/"); ok && flag == "" {
		flag, name = in, rest
	}
	all, err := openAllMaps(flag)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(slices.Clone(all), func(m *openMap) bool { return !m.isCalled(name) })
	if exact := slices.IndexFunc(found, func(m *openMap) bool { return m.name == name }); exact >= 0 && flag != "" {
		found = found[exact : exact+1]
	}
	if len(found) == 1 {
		closeMaps(slices.DeleteFunc(all, func(m *openMap) bool { return m == found[0] }))
		return found[0], nil
	}
	closeMaps(all)
	if len(found) == 0 {
		return nil, fmt.Errorf("no map %q%s", name, didYouMean("", name, mapNames(all)))
	}
	return nil, fmt.Errorf("%q may be %s: name one", name, strings.Join(mapNames(found), " or "))
}

// isCalled reports whether the name, with or without the object's, is the map's.
func (m *openMap) isCalled(name string) bool {
	return m.name == name || strings.HasSuffix(m.name, "."+strings.TrimPrefix(name, "."))
}

// mapNames are the names that mean one map each.
func mapNames(ms []*openMap) (out []string) {
	for _, m := range ms {
		several := slices.ContainsFunc(ms, func(o *openMap) bool { return o.session != m.session })
		if several {
			out = append(out, m.session+"/"+m.name)
		} else {
			out = append(out, m.name)
		}
	}
	return out
}

// An entry is a key with its value, folded where there are several.
type entry struct {
	bytes      []byte // of the key
	key, value show.Value
}

// entries reads the map: an array's in the order of the indexes, a hash's by the size of
// the value, if that is a number, or by the key.
func (m *openMap) entries() (out []entry) {
	if m.isArena() {
		return m.pageEntries()
	}
	for key, values := range m.All() {
		out = append(out, m.entry(key, values))
	}
	if m.isHash() {
		slices.SortFunc(out, compareEntries)
	}
	return out
}

func (m *openMap) isHash() bool {
	t := m.Spec().Type
	return t == maps.Hash || t == maps.PercpuHash || t == maps.LRUHash || t == maps.LRUPercpuHash || t == maps.HashOfMaps || t == maps.TaskStorage
}

func (m *openMap) entry(key []byte, values [][]byte) entry {
	if m.Spec().Type.Refers() {
		return entry{key, show.Decode(m.key, key), m.referent(values[0])}
	}
	if m.Spec().Type == maps.StackTrace {
		return entry{key, show.Decode(m.key, key), m.frames(values[0])}
	}
	decoded := make([]show.Value, len(values))
	for i, v := range values {
		decoded[i] = show.Decode(m.value, v)
	}
	if len(decoded) == 0 { // of a per-CPU map that no lease has used
		decoded = append(decoded, show.Decode(m.value, make([]byte, m.Spec().ValueSize)))
	}
	return entry{key, show.Decode(m.key, key), show.Fold(decoded)}
}

func compareEntries(a, b entry) int {
	if by := show.Compare(b.value, a.value); by != 0 {
		return by
	}
	return show.Compare(a.key, b.key)
}

// The JSON form of a map.
type (
	mapView struct {
		Session    string `json:"session"`
		Map        string `json:"map"`
		Type       string `json:"type"`
		KeyType    string `json:"key_type"`
		KeySize    uint32 `json:"key_size"`
		ValueType  string `json:"value_type"`
		ValueSize  uint32 `json:"value_size"`
		MaxEntries uint32 `json:"max_entries"`
		Flags      uint32 `json:"flags"`
		Bytes      uint64 `json:"bytes"`
		Misses     uint64 `json:"misses"`
		Busy       uint64 `json:"busy"`
		Start      uint64 `json:"start,omitempty"` // of an arena
		PagesUsed  *int   `json:"pages_used,omitempty"`
		// Only where the contents were asked for.
		Entries *[]entryView `json:"entries,omitempty"`
	}
	entryView struct {
		Key   json.RawMessage `json:"key"`
		Value json.RawMessage `json:"value"`
	}
)

func (m *openMap) view(contents bool) mapView {
	s := m.Spec()
	v := mapView{
		Session: m.session, Map: m.name, Type: s.Type.String(), KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries,
		Flags: s.Flags, Bytes: s.Size(), Misses: m.Misses(), Busy: m.Busy(),
	}
	if m.isArena() {
		v.Start, v.PagesUsed = s.Start, new(m.PagesUsed())
	}
	if m.key != nil {
		v.KeyType = typeName(m.key, s.KeySize)
	}
	if m.value != nil && !m.isArena() {
		v.ValueType = typeName(m.value, s.ValueSize)
	}
	if contents && !s.Type.HasRecords() {
		entries := []entryView{}
		for _, e := range m.entries() {
			entries = append(entries, e.view())
		}
		v.Entries = &entries
	}
	return v
}

func (e entry) view() entryView { return entryView{show.JSON(e.key), show.JSON(e.value)} }
