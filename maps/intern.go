package maps

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Intern finds or makes elements of the array at path that have these values, and
// returns their indexes. An element of zeros is free, so no value may be that. What
// has an index once keeps it: equal values have one index in all processes, and no
// two values share one, since one process at a time gives them out. The error wraps
// ENOSPC when all are taken.
//
// Whoever is killed in the middle leaves an element that nobody was told of.
func Intern(path string, values [][]byte) ([]uint32, error) {
	m, err := OpenWriter(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if m.spec.Type != Array {
		return nil, m.fail("intern: no array", unix.EINVAL)
	}
	if err := lock(m.file); err != nil {
		return nil, fmt.Errorf("maps: %s: lock: %w", m.name, err)
	}
	defer unix.Flock(int(m.file.Fd()), unix.LOCK_UN)
	out := make([]uint32, len(values))
	for i, v := range values {
		if out[i], err = m.intern(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// lock waits for the file, and begins again when a signal comes.
func lock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}

func (m *Map) intern(value []byte) (uint32, error) {
	free := make([]byte, m.spec.ValueSize)
	if len(value) != len(free) || bytes.Equal(value, free) {
		return 0, m.fail("intern: value", unix.EINVAL)
	}
	first := m.spec.MaxEntries
	for i := range m.spec.MaxEntries {
		have := m.read(m.valueAtBlock(0, i), m.spec.ValueSize)
		switch {
		case bytes.Equal(have, value):
			return i, nil
		case first == m.spec.MaxEntries && bytes.Equal(have, free):
			first = i
		}
	}
	if first == m.spec.MaxEntries {
		return 0, m.fail("all elements are taken", unix.ENOSPC)
	}
	m.write(m.valueAtBlock(0, first), value)
	return first, nil
}
