package attach

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/bpftime-go/bpftime/config"
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
	path := filepath.Join(l.c.Dir, "maps", l.mapName(m))
	if !l.c.Late { // the process has it mapped, and may not be allowed to open it any more
		if err := makeFile(path, spec, m.Contents); err != nil {
			return err
		}
	}
	l.c.plan.Maps = append(l.c.plan.Maps, plan.Map{Path: path, Size: spec.Size()})
	l.planned[i] = uint32(len(l.c.plan.Maps))
	return nil
}

// makeFile makes a map's file; contents are a data section's.
func makeFile(path string, spec maps.Spec, contents []byte) error {
	if contents != nil {
		return maps.MakeFilled(path, spec, contents)
	}
	return maps.Make(path, spec)
}

// mapName is the file's: OBJECT.NAME, or NAME for a shared map.
func (l *loaded) mapName(m *object.MapSpec) string {
	shared := m.Pinned || slices.ContainsFunc(l.conf.Maps, func(o config.Map) bool { return o.Name == m.Name && o.Shared })
	name := safeName(m.Name)
	if shared && !m.IsData() {
		return name
	}
	return l.name + "." + name
}

// safeName: data sections begin with a dot.
func safeName(name string) string {
	if name[0] == '.' {
		return name[1:]
	}
	return name
}

func mapSpec(m *object.MapSpec) (maps.Spec, error) {
	if m.Inner != nil || len(m.Values) > 0 {
		return maps.Spec{}, fmt.Errorf("map %s: a %v with initial entries is not supported yet", m.Name, m.Type)
	}
	return maps.Spec{Type: maps.Type(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags}, nil
}
