package maps_test

import (
	"errors"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// TestArenaInPlace: addresses that programs write are addresses, where nothing else lies.
func TestArenaInPlace(t *testing.T) {
	path := makeMap(t, arenaSpec(4))
	m, other := openWriter(t, path), openWriter(t, path)
	data, err := m.InPlace()
	if err != nil {
		t.Fatal(err)
	}
	if at := uint64(uintptr(unsafe.Pointer(&data[0]))); at != m.Spec().Start || len(data) != 4*abi.MAP_PAGE {
		t.Fatalf("%d bytes at %#x", len(data), at)
	}
	data[4097] = 9
	if b, err := other.Resolve(m.Spec().Start+4097, 1); err != nil || b[0] != 9 {
		t.Errorf("%v, %v", b, err)
	}
	if _, err := other.InPlace(); !errors.Is(err, unix.EEXIST) {
		t.Errorf("the place is taken: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := other.InPlace(); err != nil {
		t.Error(err)
	}
}
