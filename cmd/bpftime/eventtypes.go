package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps"
)

// recordTypes are the structs that records of a ring buffer may be, since its map does
// not say. Those that the object names on purpose come first: the map's value, then what
// a global pointer points to (const struct event *unused), as bpf2go wants it too.
type recordTypes struct {
	named   []btf.Type
	guessed []*btf.Struct // by their name
}

// recordTypes are those of a map's records: the struct of that name, or without one what
// the object says. The values of a perf_event_array are none of them.
func (m *openMap) recordTypes(name string) (recordTypes, error) {
	if name == "" {
		value := m.value
		if m.Spec().Type == maps.PerfEventArray {
			value = nil
		}
		return recordTypesOf(m.types, value), nil
	}
	if m.types != nil {
		var t *btf.Struct
		if err := m.types.TypeByName(strings.TrimPrefix(name, "struct "), &t); err == nil {
			return recordTypes{named: []btf.Type{t}}, nil
		}
	}
	return recordTypes{}, fmt.Errorf("%s: its object does not describe a struct %[2]q: a global `const struct %[2]s *unused;` in it would", m.name, strings.TrimPrefix(name, "struct "))
}

func recordTypesOf(spec *btf.Spec, value btf.Type) (r recordTypes) {
	if value != nil {
		r.named = append(r.named, value)
	}
	if spec == nil {
		return r
	}
	for t, err := range spec.All() {
		if err != nil {
			return r
		}
		switch t := t.(type) {
		case *btf.Var:
			if s := pointedTo(t); s != nil {
				r.named = append(r.named, s)
			}
		case *btf.Struct:
			if isEvent(t.Name) {
				r.guessed = append(r.guessed, t)
			}
		}
	}
	return r
}

func pointedTo(v *btf.Var) btf.Type {
	p, ok := btf.UnderlyingType(v.Type).(*btf.Pointer)
	if !ok {
		return nil
	}
	s, ok := btf.UnderlyingType(p.Target).(*btf.Struct)
	if !ok {
		return nil
	}
	return s
}

// isEvent reports whether a struct is called what people call records.
func isEvent(name string) bool {
	for word := range strings.SplitSeq(name, "_") {
		if slices.Contains([]string{"event", "evt", "record", "rec", "sample", "data", "msg", "message"}, word) {
			return true
		}
	}
	return false
}

// of chooses the type of a record of that many bytes; nil: not known. A record may be
// longer than a type that was named: its end may be of any length.
func (r recordTypes) of(size int) btf.Type {
	for _, t := range r.named {
		if n, err := btf.Sizeof(t); err == nil && n == size {
			return t
		}
	}
	var fit []btf.Type
	for _, t := range r.guessed {
		if int(t.Size) == size {
			fit = append(fit, t)
		}
	}
	if len(fit) == 1 {
		return fit[0]
	}
	if len(r.named) == 1 {
		if n, err := btf.Sizeof(r.named[0]); err == nil && n > 0 && n < size {
			return r.named[0]
		}
	}
	return nil
}

// decode says what a record means, and by which type. What is longer than its type has
// the rest as bytes.
func (r recordTypes) decode(b []byte) (show.Value, btf.Type) {
	t := r.of(len(b))
	if t == nil {
		return show.Bytes(b), nil
	}
	v := show.Decode(t, b)
	n, _ := btf.Sizeof(t)
	if o, ok := v.(show.Object); ok && n < len(b) {
		return append(o, show.Field{Name: "rest", Value: show.Bytes(b[n:])}), t
	}
	return v, t
}
