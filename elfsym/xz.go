package elfsym

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// The container is walked here rather than by package xz: that allocates the
// dictionary a block asks for, up to 4 GB. The layout (tukaani.org/xz,
// xz-file-format 1.2.1):
//
//	stream header   fd "7zXZ" 0, two flag bytes (the second: kind of check), crc32
//	block           header: size/4-1, flags, sizes, filters, padding, crc32
//	                LZMA2 data, padding to 4 bytes, check
//	…               more blocks
//	index           begins with 0, where a block has its size
const (
	xzMagic        = "\xfd7zXZ\x00"
	xzStreamHeader = 12
	xzLZMA2        = 0x21 // filter id
)

var errXZ = errors.New("not an xz stream of LZMA2 blocks")

// unxz unpacks the first stream of packed, which may have at most limit bytes.
func unxz(packed []byte, limit int) ([]byte, error) {
	if len(packed) < xzStreamHeader || !bytes.HasPrefix(packed, []byte(xzMagic)) {
		return nil, errXZ
	}
	check := packed[7] & 0xf
	in := bytes.NewReader(packed[xzStreamHeader:])
	var plain []byte
	for {
		dict, more, err := xzBlockHeader(in)
		if err != nil || !more {
			return plain, err
		}
		block, err := xzBlock(in, min(dict, limit), limit-len(plain))
		if err != nil {
			return nil, err
		}
		if err := xzCheck(in, check, block); err != nil {
			return nil, err
		}
		plain = append(plain, block...)
	}
}

// xzBlockHeader reads up to the data of a block and returns the size of the
// dictionary; more is false at the index.
func xzBlockHeader(in *bytes.Reader) (dict int, more bool, err error) {
	size, err := in.ReadByte()
	if err != nil || size == 0 {
		return 0, false, err
	}
	b := make([]byte, (int(size)+1)*4-1)
	if _, err := io.ReadFull(in, b); err != nil {
		return 0, false, err
	}
	h := bytes.NewReader(b[1:])
	flags := b[0]
	for _, present := range []byte{0x40, 0x80} { // compressed size, plain size
		if flags&present != 0 {
			if _, err := binary.ReadUvarint(h); err != nil {
				return 0, false, err
			}
		}
	}
	var filter [3]byte // id, size of the property, property
	if _, err := io.ReadFull(h, filter[:]); err != nil || flags&3 != 0 || filter[0] != xzLZMA2 || filter[1] != 1 {
		return 0, false, errXZ
	}
	n, err := lzma.DecodeDictCap(filter[2])
	return int(n), true, err
}

// xzBlock unpacks LZMA2 data of at most limit bytes.
func xzBlock(in *bytes.Reader, dict, limit int) ([]byte, error) {
	r, err := lzma.Reader2Config{DictCap: max(dict, lzma.MinDictCap)}.NewReader2(in)
	if err != nil {
		return nil, err
	}
	block, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(block) > limit {
		return nil, fmt.Errorf("more than %d bytes when unpacked", maxDebugdata)
	}
	return block, nil
}

// xzCheck skips the padding after a block and compares its check.
func xzCheck(in *bytes.Reader, kind byte, block []byte) error {
	// The stream header's 12 bytes do not change the alignment.
	pos := in.Size() - int64(in.Len())
	sum := make([]byte, [...]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[kind])
	if _, err := in.Seek(-pos&3, io.SeekCurrent); err != nil {
		return err
	}
	if _, err := io.ReadFull(in, sum); err != nil {
		return err
	}
	bad := false
	switch kind {
	case 1:
		bad = le.Uint32(sum) != crc32.ChecksumIEEE(block)
	case 4:
		bad = le.Uint64(sum) != crc64.Checksum(block, crc64.MakeTable(crc64.ECMA))
	}
	if bad {
		return errors.New("the checksum of an xz block does not match its data")
	}
	return nil
}
