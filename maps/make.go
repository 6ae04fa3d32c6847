package maps

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// ErrDefinition is wrapped when a map exists with another definition.
var ErrDefinition = errors.New("maps: another map has this name")

// Make makes the map at path, or finds it there with the same definition.
func Make(path string, spec Spec) error { return MakeFilled(path, spec, nil) }

// MakeFilled makes an array whose first bytes are contents: a section .data or
// .rodata, or the first References of a map that has such. One that is there already keeps what is in it; but constants
// (ReadOnlyProgram) have to be the same, since programs were verified with them.
func MakeFilled(path string, spec Spec, contents []byte) error {
	if spec.Type == BloomFilter {
		spec.Extra = cmp.Or(spec.Extra, usualHashes)
	}
	if spec.Type == Arena {
		spec.Start = cmp.Or(spec.Start, usualStart)
	}
	err := spec.Check()
	if err == nil && contents != nil && !spec.takes(contents) {
		err = fmt.Errorf("%d bytes are no contents for %v", len(contents), spec)
	}
	if err != nil {
		return fmt.Errorf("maps: %s: %w", path, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return compare(path, spec, contents)
	}
	own := path + "." + strconv.FormatInt(time.Now().UnixNano(), 36)
	defer os.Remove(own)
	if err := write(own, spec, contents); err != nil {
		return fmt.Errorf("maps: %s: %w", path, err)
	}
	if err := os.Link(own, path); errors.Is(err, fs.ErrExist) {
		return compare(path, spec, contents)
	} else if err != nil {
		return fmt.Errorf("maps: %w", err)
	}
	return nil
}

// write makes a whole map file. fallocate says now what a store would say with
// SIGBUS later.
func write(path string, spec Spec, contents []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := reserve(f, int64(spec.Size())); err != nil {
		return fmt.Errorf("reserving %d bytes: %w", spec.Size(), err)
	}
	if _, err := f.WriteAt(spec.header(spec.seed()), 0); err != nil {
		return err
	}
	if contents != nil && spec.Flags&ReadOnlyProgram != 0 { // as libbpf does it
		if _, err := f.WriteAt([]byte{1}, abi.MAP_HDR_FROZEN); err != nil {
			return err
		}
	}
	if spec.Type.isHash() || spec.Type.isQueue() || spec.Type == TaskStorage {
		if err := spec.writeHash(f); err != nil || contents == nil {
			return err
		}
		return fillHash(path, contents)
	}
	if spec.Type == Arena {
		if err := spec.writePages(f, len(contents)); err != nil {
			return err
		}
	}
	_, err = f.WriteAt(contents, abi.MAP_DATA_OFF)
	return err
}

// reserve begins again when a signal comes: the tmpfs of older kernels gives up
// then, and the runtime sends signals.
func reserve(f *os.File, size int64) error {
	for {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != unix.EINTR {
			return err
		}
	}
}

func (s Spec) seed() uint64 {
	var b [8]byte
	if (s.Type.isHash() || s.Type.keyless() || s.Type == TaskStorage) && s.Flags&ZeroSeed == 0 {
		rand.Read(b[:]) // never fails
	}
	return binary.LittleEndian.Uint64(b[:])
}

// writeHash writes empty chains, and the bits of the nodes: those for entries are
// free, the others spare.
func (s Spec) writeHash(f *os.File) error {
	l := s.layout()
	heads := bytes.Repeat([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, int(l.bucketMask)+1)
	if _, err := f.WriteAt(heads, int64(l.buckets)); err != nil {
		return err
	}
	bits := make([]byte, 16*l.words())
	for n := range l.nnodes {
		at := 8 * uint64(n/abi.MAP_POOL_NODES)
		if n >= s.MaxEntries {
			at += 8 * l.words()
		}
		bits[at+uint64(n%abi.MAP_POOL_NODES/8)] |= 1 << (n % 8)
	}
	_, err := f.WriteAt(bits, int64(l.free))
	return err
}

func compare(path string, want Spec, contents []byte) error {
	m, err := Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	const help = "use another session, or remove it"
	if m.owner != uint32(os.Geteuid()) {
		return fmt.Errorf("maps: %s belongs to user %d, not to %d: %s", path, m.owner, os.Geteuid(), help)
	}
	if m.spec != want {
		return fmt.Errorf("%w: %s: %s: %s", ErrDefinition, path, m.spec.difference(want), help)
	}
	if want.Flags&ReadOnlyProgram == 0 || contents == nil {
		return nil
	}
	for at, b := range contents {
		if have := m.mem[abi.MAP_DATA_OFF+at]; have != b {
			return fmt.Errorf("%w: %s: byte %d of the constants is %#x, wanted %#x: %s", ErrDefinition, path, at, have, b, help)
		}
	}
	return nil
}

// takes tells whether a map may begin with these contents.
func (s Spec) takes(contents []byte) bool {
	if s.Type == HashOfMaps {
		return len(contents)%ReferenceSize == 0 && uint64(len(contents))/ReferenceSize <= uint64(s.MaxEntries)
	}
	return (s.Type == Array || s.Type == Arena || s.Type.isIndexed()) && uint64(len(contents)) <= s.layout().stride
}
