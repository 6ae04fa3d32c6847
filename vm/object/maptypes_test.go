package object_test

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm/object"
)

// TestKeptTypes: what is kept of an object tells the types of all its maps.
func TestKeptTypes(t *testing.T) {
	for _, file := range []string{"testdata/basics.o", "testdata/maps.o", "testdata/libbpf.o"} {
		spec, err := object.LoadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := spec.MarshalBTF()
		if err != nil {
			t.Fatal(err)
		}
		types, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range spec.Maps {
			key, value, err := object.MapTypes(types, m.Name)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			for part, pair := range map[string][2]btf.Type{"key": {m.Key, key}, "value": {m.Value, value}} {
				if (pair[0] == nil) != (pair[1] == nil) || pair[0] != nil && pair[0].TypeName() != pair[1].TypeName() {
					t.Errorf("%s: the %s of %s is %v, kept %v", file, part, m.Name, pair[0], pair[1])
				}
			}
		}
		if _, _, err := object.MapTypes(types, "no_such_map"); err == nil {
			t.Errorf("%s: no_such_map has types", file)
		}
	}
}
