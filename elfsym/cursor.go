package elfsym

import "math/bits"

// cursor reads the encodings of DWARF from b, whose first byte has the address
// vaddr. Past the end it reads zeros and remembers that it did.
type cursor struct {
	b     []byte
	pos   int
	vaddr uint64
	short bool
}

func (c *cursor) addr() uint64 { return c.vaddr + uint64(c.pos) }
func (c *cursor) more() bool   { return !c.short && c.pos < len(c.b) }

// take returns the next n bytes, nil when there are fewer.
func (c *cursor) take(n uint64) []byte {
	if c.short || n > uint64(len(c.b)-c.pos) {
		c.short = true
		return nil
	}
	b := c.b[c.pos:][:n]
	c.pos += int(n)
	return b
}

// uint reads a little-endian number of n bytes, at most 8.
func (c *cursor) uint(n uint64) uint64 {
	v := uint64(0)
	for i, b := range c.take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

func (c *cursor) u8() byte    { return byte(c.uint(1)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }

// sint reads a number of n bytes with sign.
func (c *cursor) sint(n uint64) int64 {
	shift := 64 - 8*n
	return int64(c.uint(n)<<shift) >> shift
}

// uleb reads a ULEB128; bits beyond the 64th are lost.
func (c *cursor) uleb() uint64 {
	v, _ := c.leb()
	return v
}

// sleb reads an SLEB128.
func (c *cursor) sleb() int64 {
	v, n := c.leb()
	if n < bits.UintSize && v>>(n-1)&1 != 0 {
		v |= ^uint64(0) << n
	}
	return int64(v)
}

// leb returns the bits of a LEB128 and how many there are, at least 7.
func (c *cursor) leb() (v uint64, n int) {
	for {
		b := c.u8()
		if n < 64 {
			v |= uint64(b&0x7f) << n
		}
		n += 7
		if b&0x80 == 0 || c.short {
			return v, n
		}
	}
}

// cstring reads up to a NUL.
func (c *cursor) cstring() string {
	s := cstring(c.b, uint64(c.pos))
	if s == nil {
		c.short = true
		return ""
	}
	c.pos += len(s) + 1
	return string(s)
}

// Pointer encodings (LSB, "DWARF Exception Header Encoding"): a format in the
// low four bits, what the value is relative to in the next three.
const (
	peAbsptr   = 0x00
	peUleb     = 0x01
	peUdata2   = 0x02
	peUdata4   = 0x03
	peUdata8   = 0x04
	peSleb     = 0x09
	peSdata2   = 0x0a
	peSdata4   = 0x0b
	peSdata8   = 0x0c
	peFormat   = 0x0f
	pePcrel    = 0x10
	peDatarel  = 0x30
	peFuncrel  = 0x40
	peRelative = 0x70
	peIndirect = 0x80
	peOmit     = 0xff
)

// base is what encoded pointers are relative to.
type base struct{ data, fn uint64 }

// pointer reads an encoded pointer; ok is false for encodings that do not occur
// in files for x86-64, and for those that need the memory of the process.
func (c *cursor) pointer(enc byte, rel base) (v uint64, ok bool) {
	at := c.addr()
	v, ok = c.pointerValue(enc)
	if !ok || v == 0 { // 0 is no pointer, whatever it is relative to
		return 0, ok
	}
	switch enc & peRelative {
	case 0:
	case pePcrel:
		v += at
	case peDatarel:
		v += rel.data
	case peFuncrel:
		v += rel.fn
	default:
		return 0, false
	}
	return v, enc&peIndirect == 0
}

// pointerValue reads the value of an encoded pointer without its base.
func (c *cursor) pointerValue(enc byte) (v uint64, ok bool) {
	switch enc & peFormat {
	case peAbsptr, peUdata8, peSdata8:
		v = c.uint(8)
	case peUleb:
		v = c.uleb()
	case peUdata2:
		v = c.uint(2)
	case peUdata4:
		v = c.uint(4)
	case peSleb:
		v = uint64(c.sleb())
	case peSdata2:
		v = uint64(c.sint(2))
	case peSdata4:
		v = uint64(c.sint(4))
	default:
		return 0, false
	}
	return v, !c.short
}
