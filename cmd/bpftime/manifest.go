package main

import (
	"fmt"
	"path/filepath"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/vm/object"
)

// loadManifests makes one manifest of those in files and of objects. Whatever is wrong
// with them is said before anything starts.
func loadManifests(files, objects []string) (*config.Manifest, error) {
	var all []*config.Manifest
	for _, f := range files {
		path, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		m, err := config.ParseFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	m := &config.Manifest{Name: "-o"}
	for _, o := range objects {
		path, err := filepath.Abs(o)
		if err != nil {
			return nil, err
		}
		m.Objects = append(m.Objects, config.Object{Path: path})
	}
	merged, err := config.Merge(append(all, m)...)
	if err != nil {
		return nil, err
	}
	return merged, checkObjects(merged)
}

// checkObjects reads every object of a manifest and links it as the agent will.
func checkObjects(m *config.Manifest) error {
	for _, o := range m.Objects {
		if o.Path == "" {
			continue
		}
		spec, err := object.LoadFile(o.Path)
		if err != nil {
			return err
		}
		if _, err := object.Link(spec, linkOptions(m, o)); err != nil {
			return err
		}
	}
	return nil
}

func linkOptions(m *config.Manifest, o config.Object) (opts object.Options) {
	where := func(p config.Pos) string {
		if p == (config.Pos{}) {
			return ""
		}
		return fmt.Sprintf("%s:%d:%d", m.Name, p.Line, p.Col)
	}
	for _, c := range o.Rodata {
		opts.Constants = append(opts.Constants, object.Constant{Name: c.Name, Value: constant(c.Value), Where: where(c.Pos)})
	}
	for _, mo := range o.Maps {
		opts.Maps = append(opts.Maps, object.MapOption{Name: mo.Name, MaxEntries: mo.MaxEntries, Where: where(mo.Pos)})
	}
	return opts
}

// constant is a manifest's value as vm/object takes it: the members of a struct have
// a type of its own there.
func constant(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = constant(e)
		}
		return out
	case []config.Constant:
		out := make([]object.Constant, len(v))
		for i, c := range v {
			out[i] = object.Constant{Name: c.Name, Value: constant(c.Value)}
		}
		return out
	}
	return v
}
