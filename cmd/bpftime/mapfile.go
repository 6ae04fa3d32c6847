package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/session"
)

// An openMap is a map of a session, with its types where they are known.
type openMap struct {
	session, name string // OBJECT.NAME, or NAME of a shared one
	*maps.Map
	key, value btf.Type
}

// openMaps opens all maps of a session. What is no map is told about and passed over.
func openMaps(s *session.Session) ([]*openMap, error) {
	entries, err := os.ReadDir(filepath.Join(s.Dir(), "maps"))
	if err != nil {
		return nil, err
	}
	var out []*openMap
	for _, e := range entries {
		m, err := maps.Open(filepath.Join(s.Dir(), "maps", e.Name()))
		if err != nil {
			warn("%v", err)
			continue
		}
		out = append(out, &openMap{session: s.Name(), name: e.Name(), Map: m})
	}
	return out, nil
}

func closeMaps(ms []*openMap) {
	for _, m := range ms {
		m.Close()
	}
}

// An entry is a key with its value, folded where there are several.
type entry struct {
	key   []byte
	value show.Value
}

func (m *openMap) entries() (out []entry) {
	for k := range m.Spec().MaxEntries {
		out = append(out, entry{binary.LittleEndian.AppendUint32(nil, k), m.Sum(k)})
	}
	return out
}

// The JSON form of a map.
type (
	mapView struct {
		Session    string      `json:"session"`
		Map        string      `json:"map"`
		Type       string      `json:"type"`
		KeySize    uint32      `json:"key_size"`
		ValueSize  uint32      `json:"value_size"`
		MaxEntries uint32      `json:"max_entries"`
		Entries    []entryView `json:"entries,omitempty"`
	}
	entryView struct {
		Key   json.RawMessage `json:"key"`
		Value json.RawMessage `json:"value"`
	}
)

func (m *openMap) view(all bool) mapView {
	s := m.Spec()
	v := mapView{Session: m.session, Map: m.name, Type: s.Type.String(), KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries}
	if all {
		for _, e := range m.entries() {
			v.Entries = append(v.Entries, entryView{show.JSON(show.Decode(m.key, e.key)), show.JSON(e.value)})
		}
	}
	return v
}

// print writes the map's entries for people.
func (m *openMap) print(w io.Writer) error {
	s := m.Spec()
	fmt.Fprintf(w, "map %s  %v, %d entries\n", m.name, s.Type, s.MaxEntries)
	t := show.Table{Indent: "  ", Columns: []string{">KEY", ">VALUE"}}
	for _, e := range m.entries() {
		t.Add(show.Text(show.Decode(m.key, e.key)), show.Text(e.value))
	}
	return t.Print(w)
}
