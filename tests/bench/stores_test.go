package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// fakeStore has variables, and knows what was asked of it.
type fakeStore struct {
	store
	bss      []byte
	prepared []string
}

func (f *fakeStore) read(string) ([]byte, error) { return f.bss, nil }

func (f *fakeStore) prepare(ring string) error {
	f.prepared = append(f.prepared, ring)
	return errors.New("no room")
}

// A program whose map says no must be an error and no fast row.
func TestFailedUseIsNotTimed(t *testing.T) {
	if theWorkshop.noPrograms != nil {
		t.Skip(theWorkshop.noPrograms)
	}
	spec, err := ebpf.LoadCollectionSpec(theWorkshop.path("maps.bpf.o"))
	if err != nil {
		t.Fatal(err)
	}
	b, f := newBench(theWorkshop, inMaps), &fakeStore{bss: make([]byte, 4096)}
	b.stores[theAgent] = f
	f.bss[spec.Variables["failed_hash"].Offset] = 3
	for _, s := range b.sitesOf(theAgent) {
		err := b.checkUses(s)
		if failed := s.program == "hash"; failed != (err != nil) {
			t.Errorf("%s: %v", s.program, err)
		}
		if err != nil && err.Error() != "3 runs of hash could not do what they should" {
			t.Error(err)
		}
		if s.program != "none" && spec.Variables["failed_"+s.program] == nil {
			t.Errorf("%s does not count its failures", s.program)
		}
	}
}

// Rings are seen to before each sample, other maps are not.
func TestPrepare(t *testing.T) {
	b, f := newBench(theWorkshop, inMaps), &fakeStore{}
	b.stores[theKernel] = f
	for _, s := range b.sites {
		err := b.prepare(s.name)
		if wanted := s.by == theKernel && ringOf[s.program] != ""; wanted != (err != nil) {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	if got := strings.Join(f.prepared, " "); got != "ring ring perf user_ring" {
		t.Errorf("prepared %s", got)
	}
}
