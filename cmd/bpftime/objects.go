package main

import (
	"fmt"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/gadgets"
	"github.com/bpftime-go/bpftime/vm/object"
)

// loadObject reads and links an object of a manifest as the agent will.
func loadObject(m *config.Manifest, o config.Object) (*object.Object, error) {
	spec, setup, err := objectSpec(o)
	if err != nil {
		if where := place(m, o.Pos); where != "" {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		return nil, err
	}
	opts := object.Options{Constants: constants(m, append(setup.Rodata, o.Rodata...))}
	for _, mo := range append(setup.Maps, o.Maps...) {
		opts.Maps = append(opts.Maps, object.MapOption{Name: mo.Name, MaxEntries: mo.MaxEntries, Where: place(m, mo.Pos)})
	}
	return object.Link(spec, opts)
}

func objectSpec(o config.Object) (*object.Spec, gadgets.Setup, error) {
	if o.Gadget == "" {
		spec, err := object.LoadFile(o.Path)
		return spec, gadgets.Setup{}, err
	}
	g, err := gadgets.Find(o.Gadget)
	if err != nil {
		return nil, gadgets.Setup{}, err
	}
	setup, err := g.Expand(o.Args)
	if err != nil {
		return nil, setup, err
	}
	spec, err := object.Load(g.Name+".bpf.o", g.Object)
	return spec, setup, err
}

// place is where something stands in the manifest, for messages.
func place(m *config.Manifest, p config.Pos) string {
	if p == (config.Pos{}) {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", m.Name, p.Line, p.Col)
}

// constants are a manifest's, as vm/object takes them.
func constants(m *config.Manifest, in []config.Constant) (out []object.Constant) {
	for _, c := range in {
		out = append(out, object.Constant{Name: c.Name, Value: constant(m, c.Value), Where: place(m, c.Pos)})
	}
	return out
}

func constant(m *config.Manifest, v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = constant(m, e)
		}
		return out
	case []config.Constant:
		return constants(m, v)
	}
	return v
}
