package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/maps/ringbuf"
)

// A store is the maps of the sites' object, the agent's or the kernel's, seen from outside.
type store interface {
	put(name string, key, value []byte) error // without a key: of a type that has none
	read(name string) ([]byte, error)         // the value of key 0
	prepare(ring string) error                // what is in a ring goes, a user_ringbuf is filled
}

// withMaps is the one object whose programs use maps.
const withMaps = "maps"

// KEYS and LOOPS in c/maps.bpf.c.
const (
	storedKeys = 1024
	fewKeys    = 32
)

// ringOf is the ring that a program uses, which has another end.
var ringOf = map[string]string{"ring_output": "ring", "ring_reserve": "ring", "perf_output": "perf", "user_ring_drain": "user_ring"}

// openStores gives the programs' maps what they need, and keeps them for what rings need.
func (b *bench) openStores() error {
	if b.object != withMaps || b.w.noPrograms != nil {
		return nil
	}
	if b.kernel != nil {
		b.stores[theKernel] = b.kernel.maps
	}
	if b.agent != nil {
		s := sessionMaps{filepath.Join(b.agent.rundir, b.agent.name), b.object}
		b.stores[theAgent] = s
		return fill(s)
	}
	return nil
}

// prepare does what the site's ring needs, if it has one, before programs run.
func (b *bench) prepare(name string) error {
	for _, s := range b.sites {
		if store := b.stores[s.by]; s.name == name && s.prepared && store != nil {
			return store.prepare(ringOf[s.program])
		}
	}
	return nil
}

// checkUses is an error when a program could not do what it is for, at any time.
func (b *bench) checkUses(s site) error {
	store := b.stores[s.by]
	if store == nil {
		return nil
	}
	spec, err := ebpf.LoadCollectionSpec(b.w.path(b.object + ".bpf.o"))
	if err != nil {
		return err
	}
	counter := spec.Variables["failed_"+s.program]
	if counter == nil {
		return nil
	}
	all, err := store.read("bss")
	if err != nil {
		return err
	}
	if n := binary.LittleEndian.Uint64(all[counter.Offset:]); n != 0 {
		return fmt.Errorf("%d runs of %s could not do what they should", n, s.program)
	}
	return nil
}

// fill puts into maps what lookups find.
func fill(s store) error {
	for i := range uint64(storedKeys) {
		for _, name := range []string{"in_hash", "in_percpu_hash", "in_lru_hash"} {
			if err := s.put(name, word(i), word(i)); err != nil {
				return err
			}
		}
		if err := s.put("in_filter", nil, word(i)); err != nil {
			return err
		}
		if err := s.put("in_lpm_trie", prefix(24, 10<<24|uint32(i)<<8), word(i)); err != nil {
			return err
		}
	}
	for i := range uint64(fewKeys) {
		if err := s.put("in_few_hash", word(i), word(i)); err != nil {
			return err
		}
	}
	return s.put("in_lpm_trie", prefix(8, 10<<24), word(1))
}

func word(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// prefix is the key of an LPM trie of IPv4 addresses.
func prefix(length, address uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, length), address)
}

// sessionMaps are the maps of the agent's session.
type sessionMaps struct{ session, object string }

func (s sessionMaps) path(name string) string {
	return filepath.Join(s.session, "maps", s.object+"."+name)
}

func (s sessionMaps) put(name string, key, value []byte) error {
	m, err := maps.OpenWriter(s.path(name))
	if err != nil {
		return err
	}
	defer m.Close()
	if key == nil {
		return m.Push(value, maps.Any)
	}
	return m.Update(key, value, maps.Any)
}

func (s sessionMaps) read(name string) ([]byte, error) {
	m, err := maps.Open(s.path(name))
	if err != nil {
		return nil, err
	}
	defer m.Close()
	values, err := m.Lookup(make([]byte, 4))
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

func (s sessionMaps) prepare(ring string) error {
	if ring == "user_ring" {
		w, err := ringbuf.OpenWriter(s.path(ring))
		if err != nil {
			return err
		}
		defer w.Close()
		return fillRing(w)
	}
	return s.drain(ring)
}

func (s sessionMaps) drain(ring string) error {
	leases, err := ringbuf.OpenSession(s.session)
	if err != nil {
		return err
	}
	defer leases.Close()
	r, err := ringbuf.Open(s.path(ring), leases)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		if _, ok, err := r.Next(); !ok {
			return err
		}
	}
}

// fillRing writes words until there is no room.
func fillRing(w interface{ Write([]byte) error }) error {
	for {
		if err := w.Write(make([]byte, 8)); err != nil {
			if errors.Is(err, unix.ENOSPC) {
				return nil
			}
			return fmt.Errorf("filling a ring: %w", err)
		}
	}
}
