package object

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// MapTypes finds the key and value types of the map of that name in what
// MarshalBTF wrote. A type that the object does not tell is nil. The value of a data
// section is its *btf.Datasec, and so is that of an arena with variables.
func MapTypes(types *btf.Spec, name string) (key, value btf.Type, err error) {
	var section *btf.Datasec
	for _, data := range []string{name, "." + name} {
		if types.TypeByName(data, &section) == nil {
			return nil, section, nil
		}
	}
	if err := types.TypeByName(".maps", &section); err != nil {
		return nil, nil, fmt.Errorf("map %s: %w", name, err)
	}
	for _, v := range section.Vars {
		if v.Type.TypeName() != name {
			continue
		}
		m, err := defineMap(name, v.Type, false)
		if err != nil {
			return nil, nil, fmt.Errorf("map %s: %w", name, err)
		}
		if m.Type == Arena && types.TypeByName(arenaSection, &section) == nil {
			return nil, section, nil
		}
		return m.Key, m.Value, nil
	}
	return nil, nil, fmt.Errorf("map %s: the object defines no such map", name)
}
