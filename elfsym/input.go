package elfsym

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
)

// maxRead bounds one read, and with it one allocation: a sparse file may claim
// any size. The largest table that was met, a browser's .symtab, is half of it.
const maxRead = 256 << 20

// The file is little-endian, whatever machine reads it.
var le = binary.LittleEndian

// input is the file: reads are checked against its size.
type input struct {
	r    io.ReaderAt
	size uint64
}

// newInput finds the size of r: from Size or Stat where r has one, else by
// looking for the last byte.
func newInput(r io.ReaderAt) (input, error) {
	switch s := r.(type) {
	case interface{ Size() int64 }:
		return input{r, uint64(max(s.Size(), 0))}, nil
	case interface{ Stat() (fs.FileInfo, error) }:
		fi, err := s.Stat()
		if err != nil {
			return input{}, err
		}
		if !fi.Mode().IsRegular() {
			return input{}, fmt.Errorf("%w: not a regular file but %v", ErrFormat, fi.Mode())
		}
		return input{r, uint64(max(fi.Size(), 0))}, nil
	}
	return input{r, probeSize(r)}, nil
}

// probeSize is the number of bytes r has, found by bisection.
func probeSize(r io.ReaderAt) uint64 {
	var b [1]byte
	lo, hi := int64(0), int64(math.MaxInt64)
	for lo < hi {
		mid := lo + (hi-lo)/2
		if n, _ := r.ReadAt(b[:], mid); n == 1 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return uint64(lo)
}

// has reports whether the file holds the n bytes at off.
func (in input) has(off, n uint64) bool { return off <= in.size && n <= in.size-off }

// read returns the n bytes at off.
func (in input) read(off, n uint64) ([]byte, error) {
	if !in.has(off, n) {
		return nil, fmt.Errorf("%w: %d bytes at offset %#x, the file has %d", ErrFormat, n, off, in.size)
	}
	if n > maxRead {
		return nil, fmt.Errorf("%w: %d bytes at offset %#x are more than %d", ErrFormat, n, off, maxRead)
	}
	b := make([]byte, n)
	return b, in.fill(b, off)
}

// fill reads len(b) bytes at off, which the file is known to have.
func (in input) fill(b []byte, off uint64) error {
	if n, err := in.r.ReadAt(b, int64(off)); n != len(b) {
		return fmt.Errorf("offset %#x: %w", off, err)
	}
	return nil
}
