package maps_test

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
)

var listed = []maps.Spec{
	{Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 30},
	{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 30},
	{Type: maps.PercpuHash, KeySize: 8, ValueSize: 8, MaxEntries: 30},
	{Type: maps.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 30},
	{Type: maps.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 30, Flags: maps.NoPrealloc},
}

// TestLists: batches, and the walk from key to key, name each entry once, as All does.
func TestLists(t *testing.T) {
	for _, spec := range listed {
		t.Run(fmt.Sprint(spec.Type), func(t *testing.T) {
			m := openWriter(t, makeMap(t, spec))
			var keys, values [][]byte
			for n := range 30 {
				keys, values = append(keys, keyFor(spec, n)), append(values, number(uint64(n)+1, 8))
			}
			if n, err := m.UpdateBatch(keys, values, maps.Any); n != 30 || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
			if n, err := m.UpdateBatch(keys, values, maps.NoExist); n != 0 || errnoOf(t, err) != unix.EINVAL {
				t.Errorf("with flags: %d, %v", n, err)
			}
			var all, walked [][]byte
			for key := range m.All() {
				all = append(all, key)
			}
			for key, err := m.NextKey(nil); err == nil; key, err = m.NextKey(key) {
				walked = append(walked, key)
			}
			var batched [][]byte
			var c maps.Cursor
			var err error
			for err == nil {
				var list []maps.Entry
				list, err = m.LookupBatch(&c, 7)
				for _, e := range list {
					batched = append(batched, e.Key)
				}
			}
			if len(all) != 30 || fmt.Sprint(all) != fmt.Sprint(walked) || fmt.Sprint(all) != fmt.Sprint(batched) || errnoOf(t, err) != unix.ENOENT {
				t.Errorf("%v\nall     %x\nwalked  %x\nbatched %x", err, all, walked, batched)
			}
		})
	}
}

// TestTaken: what is looked up and deleted, one by one and by batches, is there once.
func TestTaken(t *testing.T) {
	for _, spec := range listed[1:4] {
		m := openWriter(t, makeMap(t, spec))
		for n := range 30 {
			if err := m.Update(keyed(8, n), number(uint64(n)+1, 8), maps.NoExist); err != nil {
				t.Fatal(err)
			}
		}
		v, err := m.LookupAndDelete(keyed(8, 4))
		if err != nil || !bytes.Equal(flat(v), number(5, 8)) {
			t.Errorf("%v: %x, %v", spec.Type, v, err)
		}
		if _, err := m.LookupAndDelete(keyed(8, 4)); errnoOf(t, err) != unix.ENOENT {
			t.Errorf("%v: twice: %v", spec.Type, err)
		}
		var sum, n uint64
		var c maps.Cursor
		for err = nil; err == nil; {
			var list []maps.Entry
			list, err = m.LookupAndDeleteBatch(&c, 11)
			for _, e := range list {
				n++
				sum += uint64(flat(e.Values)[0])
			}
		}
		if n != 29 || sum != 30*31/2-5 || errnoOf(t, err) != unix.ENOENT {
			t.Errorf("%v: %d entries, sum %d, %v", spec.Type, n, sum, err)
		}
		for key := range m.All() {
			t.Errorf("%v: key %x is there still", spec.Type, key)
		}
		if n, err := m.DeleteBatch([][]byte{keyed(8, 1)}); n != 0 || errnoOf(t, err) != unix.ENOENT {
			t.Errorf("%v: %d, %v", spec.Type, n, err)
		}
	}
}

// TestReadOnlyProgram: programs do not write to a map that is read only for them.
func TestReadOnlyProgram(t *testing.T) {
	for _, spec := range listed {
		spec.Flags |= maps.ReadOnlyProgram
		path := makeMap(t, spec)
		c, g := serve(t, makeSession(t), path, spec), openWriter(t, path)
		key := keyFor(spec, 3)
		if err := g.Update(key, number(9, 8), maps.Any); err != nil {
			t.Fatal(err)
		}
		if errno := c.do(opUpdate, 0, key, number(1, 8), 0); errno != unix.EPERM {
			t.Errorf("%v: update: %v", spec.Type, errno)
		}
		if errno := c.do(opDelete, 0, key, nil, 0); errno != unix.EPERM {
			t.Errorf("%v: delete: %v", spec.Type, errno)
		}
		if v, err := g.Lookup(key); err != nil || !bytes.Equal(flat(v), number(9, 8)) {
			t.Errorf("%v: %x, %v", spec.Type, v, err)
		}
	}
}
