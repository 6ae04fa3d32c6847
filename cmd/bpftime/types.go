package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm/object"
)

// sessionTypes are the types of a session's objects, which attach leaves in btf/OBJECT.
// Where something cannot be read, values are shown without their types.
type sessionTypes struct{ specs map[string]*btf.Spec } // by object

func readTypes(dir string) *sessionTypes {
	t := &sessionTypes{specs: map[string]*btf.Spec{}}
	entries, _ := os.ReadDir(filepath.Join(dir, "btf"))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // being written
		}
		spec, err := readBTF(filepath.Join(dir, "btf", e.Name()))
		if err != nil {
			warn("types of %s: %v", e.Name(), err)
			continue
		}
		t.specs[e.Name()] = spec
	}
	return t
}

// readBTF reads a file that another process wrote. The library is known to panic.
func readBTF(path string) (spec *btf.Spec, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: broken BTF: %v", path, p)
		}
	}()
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > object.MaxSize {
		return nil, fmt.Errorf("%s: no BTF: %v with %d bytes", path, info.Mode(), info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if spec, err = btf.LoadSpecFromReader(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return spec, nil
}

// of finds what is known of the map in the file of that name: OBJECT.NAME, or NAME of a
// shared map, which any object may define.
func (t *sessionTypes) of(file string) (key, value btf.Type, spec *btf.Spec) {
	for name, spec := range t.specs {
		if inner, ok := strings.CutPrefix(file, name+"."); ok {
			if key, value, err := mapTypes(spec, inner); err == nil {
				return key, value, spec
			}
		}
	}
	for _, spec := range t.specs {
		if key, value, err := mapTypes(spec, file); err == nil {
			return key, value, spec
		}
	}
	return nil, nil, nil
}

func mapTypes(spec *btf.Spec, name string) (key, value btf.Type, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("broken BTF: %v", p)
		}
	}()
	return object.MapTypes(spec, name)
}

// fitting is the type, if values of it have this size.
func fitting(t btf.Type, size uint32) btf.Type {
	if t == nil {
		return nil
	}
	if n, err := btf.Sizeof(t); err != nil || n != int(size) {
		return nil
	}
	return t
}

// typeName is how a type is written in a table: u32, struct event, char[16].
func typeName(t btf.Type, size uint32) string {
	switch t := t.(type) {
	case nil:
		return fmt.Sprintf("%d bytes", size)
	case *btf.Typedef:
		if i, ok := btf.UnderlyingType(t).(*btf.Int); ok {
			return intName(i) // whatever the object calls it
		}
		return t.Name
	case *btf.Int:
		return intName(t)
	case *btf.Struct:
		return strings.TrimSpace("struct " + t.Name)
	case *btf.Union:
		return strings.TrimSpace("union " + t.Name)
	case *btf.Enum:
		return strings.TrimSpace("enum " + t.Name)
	case *btf.Array:
		return fmt.Sprintf("%s[%d]", typeName(t.Type, 0), t.Nelems)
	case *btf.Datasec:
		return counted(len(t.Vars), "variable")
	case *btf.Pointer:
		return "pointer"
	case *btf.Const:
		return typeName(t.Type, size)
	case *btf.Volatile:
		return typeName(t.Type, size)
	}
	return fmt.Sprintf("%d bytes", size)
}

func intName(t *btf.Int) string {
	switch {
	case t.Encoding == btf.Bool:
		return "bool"
	case t.Name == "char":
		return t.Name
	case t.Encoding == btf.Signed:
		return fmt.Sprintf("s%d", 8*t.Size)
	}
	return fmt.Sprintf("u%d", 8*t.Size)
}
