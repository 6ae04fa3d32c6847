package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps"
)

// Entries that name a program or a map: written and shown by its name, kept as its identity.

// objectName is what is before the map's own name; "" of a shared map.
func (m *openMap) objectName() string { return m.name[:max(0, strings.LastIndexByte(m.name, '.'))] }

// referents are the names that an entry may have, OBJECT.NAME.
func (m *openMap) referents() (out []string) {
	if m.types == nil {
		return nil
	}
	for t, err := range m.types.All() {
		if name := m.referentName(t); err == nil && name != "" {
			out = append(out, m.objectName()+"."+name)
		}
	}
	return out
}

// referentName is the name of what the type defines, if an entry may have it.
func (m *openMap) referentName(t btf.Type) string {
	switch t := t.(type) {
	case *btf.Func:
		if t.Linkage == btf.GlobalFunc && m.Spec().Type == maps.ProgArray {
			return t.Name
		}
	case *btf.Var:
		if m.Spec().Type != maps.ProgArray {
			return t.Name
		}
	}
	return ""
}

// encodeValue is what an entry holds when a user writes so.
func (m *openMap) encodeValue(text string) ([]byte, error) {
	if !m.Spec().Type.Refers() {
		value, err := show.Encode(m.value, int(m.Spec().ValueSize), text)
		if err != nil {
			return nil, fmt.Errorf("%s: value: %w", m.name, err)
		}
		return value, nil
	}
	name := strings.Trim(text, `"`) // as it is shown
	if !strings.Contains(name, ".") {
		name = m.objectName() + "." + name
	}
	known := m.referents()
	if strings.HasPrefix(name, m.objectName()+".") && known != nil && !slices.Contains(known, name) {
		return nil, fmt.Errorf("%s: value: nothing that can be in it is called %q%s", m.name, name, didYouMean("", name, known))
	}
	return binary.LittleEndian.AppendUint64(nil, maps.Identity(name)), nil
}

// referent is the name behind an identity, without the object's where that is the map's.
func (m *openMap) referent(value []byte) show.Value {
	id := binary.LittleEndian.Uint64(value)
	for _, name := range m.referents() {
		if maps.Identity(name) == id {
			return strings.TrimPrefix(name, m.objectName()+".")
		}
	}
	return show.Bytes(value)
}
