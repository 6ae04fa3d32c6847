package maps_test

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// TestSpareInUse: a spare that is in use, as in a spoilt file, is no reason to try for ever, also when it is the very node
// that is to be replaced.
func TestSpareInUse(t *testing.T) {
	for _, spec := range []maps.Spec{
		{Type: maps.Hash, KeySize: 8, ValueSize: 16, MaxEntries: 40},
		{Type: maps.LPMTrie, KeySize: 8, ValueSize: 16, MaxEntries: 40, Flags: maps.NoPrealloc},
	} {
		path := populated(t, spec)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		g := openWriter(t, path)
		spare := binary.LittleEndian.Uint64(whole[abi.MAP_HDR_RECORDS:]) + (abi.MAP_NRECORDS-1)*abi.MAP_REC_SIZE + abi.MAP_REC_SPARE
		for n := range int(spec.MaxEntries) {
			for node := range uint64(spec.MaxEntries) + 1 { // somebody has had a spare
				binary.LittleEndian.PutUint64(whole[spare:], node+1)
				overwrite(t, path, whole)
				wantEnd(t, func() error { return g.Update(keyFor(spec, n), val(2), 0) })
				wantEnd(t, func() error { return g.Delete(keyFor(spec, n)) })
			}
		}
	}
}

// wantEnd: what is done ends, and only others could be the reason that it was not done.
func wantEnd(t *testing.T, do func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENOENT) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

// TestSpareForEach: every lease, and Go, may keep a spare of a map that is full, and change its values again and again.
func TestSpareForEach(t *testing.T) {
	for _, typ := range []maps.Type{maps.Hash, maps.LRUHash} {
		spec := maps.Spec{Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 1}
		path := makeMap(t, spec)
		c, g := serve(t, makeSession(t), path, spec), openWriter(t, path)
		for round := range 2 {
			for lease := range abi.SESSION_NLEASES {
				if errno := c.do(opUpdate, lease, le32(1), le64(uint64(lease)), 0); errno != 0 {
					t.Fatalf("%v, round %d: lease %d: %v", typ, round, lease, errno)
				}
			}
			if err := g.Update(le32(1), le64(9), 0); err != nil {
				t.Errorf("%v, round %d: %v", typ, round, err)
			}
		}
	}
}
