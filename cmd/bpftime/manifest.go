package main

import (
	"path/filepath"

	"github.com/bpftime-go/bpftime/config"
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
	given := &config.Manifest{}
	for _, o := range objects {
		path, err := filepath.Abs(o)
		if err != nil {
			return nil, err
		}
		given.Objects = append(given.Objects, config.Object{Path: path})
	}
	all = append(all, given)
	for _, m := range all {
		for _, o := range m.Objects {
			if _, err := loadObject(m, o); err != nil {
				return nil, err
			}
		}
	}
	return config.Merge(all...)
}
