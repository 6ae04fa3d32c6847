package show

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Bounds of one Decode. C nests a dozen deep at most; a map's value has at most
// 1 MiB, but an array of empty structs has as many elements as it says.
const (
	maxDepth  = 32
	maxValues = 1 << 20
)

// Decode says what bytes mean. Without a type, 1, 2, 4 and 8 bytes are an unsigned
// number. Bytes too few for their type are Bytes.
func Decode(t btf.Type, b []byte) Value {
	d := &decoder{left: maxValues}
	return d.value(t, b, 0)
}

type decoder struct{ left int }

func (d *decoder) value(t btf.Type, b []byte, depth int) Value {
	if t == nil {
		return untyped(b)
	}
	size, err := btf.Sizeof(t)
	d.left--
	if err != nil || size < 0 || size > len(b) || depth > maxDepth || d.left < 0 {
		return Bytes(b)
	}
	b = b[:size]
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		return integer(t, b)
	case *btf.Enum:
		return enum(t, b)
	case *btf.Float:
		return float(b)
	case *btf.Pointer:
		return Address(binary.LittleEndian.Uint64(b))
	case *btf.Array:
		return d.array(t, b, depth)
	case *btf.Struct:
		return d.members(t.Members, b, depth)
	case *btf.Union:
		return d.members(t.Members, b, depth)
	case *btf.Datasec:
		return d.section(t, b, depth)
	}
	return Bytes(b)
}

func untyped(b []byte) Value {
	if n, ok := unsigned(b); ok {
		return n
	}
	return Bytes(b)
}

// unsigned reads a number of 1, 2, 4 or 8 bytes.
func unsigned(b []byte) (uint64, bool) {
	switch len(b) {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(binary.LittleEndian.Uint16(b)), true
	case 4:
		return uint64(binary.LittleEndian.Uint32(b)), true
	case 8:
		return binary.LittleEndian.Uint64(b), true
	}
	return 0, false
}

func extend(n uint64, bits int) int64 { return int64(n<<(64-bits)) >> (64 - bits) }

func integer(t *btf.Int, b []byte) Value {
	n, ok := unsigned(b)
	if !ok { // __int128
		return wide(b)
	}
	return number(t.Encoding, n, 8*len(b))
}

func number(enc btf.IntEncoding, n uint64, bits int) Value {
	switch enc {
	case btf.Bool:
		return n != 0
	case btf.Signed:
		return extend(n, bits)
	}
	return n
}

// wide is an integer that no Go type holds, most significant digit first.
func wide(b []byte) Value {
	digits := make([]byte, len(b))
	for i, c := range b {
		digits[len(b)-1-i] = c
	}
	return fmt.Sprintf("%#x", digits)
}

func enum(t *btf.Enum, b []byte) Value {
	n, ok := unsigned(b)
	if !ok {
		return Bytes(b)
	}
	if t.Signed {
		n = uint64(extend(n, 8*len(b)))
	}
	return namedEnum(t, n)
}

func namedEnum(t *btf.Enum, n uint64) Enum {
	for _, v := range t.Values {
		if v.Value == n {
			return Enum{n, t.Signed, v.Name}
		}
	}
	return Enum{n, t.Signed, ""}
}

func float(b []byte) Value {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return Bytes(b)
}

func (d *decoder) array(t *btf.Array, b []byte, depth int) Value {
	if isChar(t.Type) {
		return text(b)
	}
	if isByte(t.Type) {
		return Bytes(b)
	}
	size, err := btf.Sizeof(t.Type)
	if err != nil || int64(t.Nelems) > int64(d.left) {
		return Bytes(b)
	}
	list := make(List, t.Nelems)
	for i := range list {
		list[i] = d.value(t.Type, b[i*size:(i+1)*size], depth+1)
	}
	return list
}

// isChar tells text from small numbers: clang calls C's char by its name.
func isChar(t btf.Type) bool {
	i, ok := btf.UnderlyingType(t).(*btf.Int)
	return ok && i.Size == 1 && (i.Name == "char" || i.Encoding == btf.Char)
}

func isByte(t btf.Type) bool {
	i, ok := btf.UnderlyingType(t).(*btf.Int)
	return ok && i.Size == 1 && i.Encoding == btf.Unsigned
}

// text is a C string: what follows its NUL is of no meaning.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.ToValidUTF8(string(b), "\ufffd")
}

func (d *decoder) members(members []btf.Member, b []byte, depth int) Value {
	o := Object{}
	for _, m := range members {
		v := d.member(m, b, depth)
		if inner, ok := v.(Object); ok && m.Name == "" {
			o = append(o, inner...)
			continue
		}
		o = append(o, Field{m.Name, v})
	}
	return o
}

func (d *decoder) member(m btf.Member, b []byte, depth int) Value {
	if m.BitfieldSize > 0 {
		return bitfield(m, b)
	}
	at := int64(m.Offset / 8)
	if at > int64(len(b)) {
		return nil
	}
	return d.value(m.Type, b[at:], depth+1)
}

// bitfield reads up to 64 bits, which may begin and end inside a byte.
func bitfield(m btf.Member, b []byte) Value {
	end := uint64(m.Offset) + uint64(m.BitfieldSize)
	if m.BitfieldSize > 64 || end > 8*uint64(len(b)) {
		return nil
	}
	var n uint64
	for i := end; i > uint64(m.Offset); i-- {
		n = n<<1 | uint64(b[(i-1)/8]>>((i-1)%8)&1)
	}
	switch t := btf.UnderlyingType(m.Type).(type) {
	case *btf.Int:
		return number(t.Encoding, n, int(m.BitfieldSize))
	case *btf.Enum:
		if t.Signed {
			n = uint64(extend(n, int(m.BitfieldSize)))
		}
		return namedEnum(t, n)
	}
	return n
}

func (d *decoder) section(t *btf.Datasec, b []byte, depth int) Value {
	o := Object{}
	for _, v := range t.Vars {
		variable, ok := v.Type.(*btf.Var)
		if !ok || uint64(v.Offset)+uint64(v.Size) > uint64(len(b)) {
			continue
		}
		o = append(o, Field{variable.Name, d.value(variable.Type, b[v.Offset:v.Offset+v.Size], depth+1)})
	}
	return o
}
