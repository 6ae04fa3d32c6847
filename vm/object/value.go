package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf/btf"
)

// Constant is a value for a global constant (const volatile), or for a member
// of a struct.
type Constant struct {
	Name  string
	Value any    // bool, int64, uint64, string, []any of such values, or []Constant for a struct
	Where string // the place it was written at, for messages: "trace.yaml:7:12"
}

// Encode writes v, as it may stand in a Constant, into b, which has the size of the
// type. What v does not mention stays as it is.
func Encode(b []byte, t btf.Type, v any) (err error) {
	defer recovered("", "encoding", &err)
	if size, err := btf.Sizeof(t); err != nil || size != len(b) {
		return fmt.Errorf("a %s has not the size of %d bytes", typeName(t), len(b))
	}
	return encode(b, t, v)
}

// encode writes v into b as the type says; len(b) is the size of the type. What
// v does not mention stays as it is.
func encode(b []byte, t btf.Type, v any) error {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		return encodeInt(b, t, v)
	case *btf.Enum:
		return encodeEnum(b, t, v)
	case *btf.Array:
		return encodeArray(b, t, v)
	case *btf.Struct:
		return encodeMembers(b, t, t.Members, v)
	case *btf.Union:
		return encodeMembers(b, t, t.Members, v)
	}
	return fmt.Errorf("is a %s, which cannot be set", typeName(t))
}

func mismatch(t btf.Type, v any) error {
	return fmt.Errorf("is a %s, not %s", typeName(t), valueName(v))
}

func encodeInt(b []byte, t *btf.Int, v any) error {
	if t.Encoding&btf.Bool != 0 {
		switch v {
		case true, uint64(1):
			return putBits(b, 0, 8*len(b), 1)
		case false, uint64(0):
			return putBits(b, 0, 8*len(b), 0)
		}
		return mismatch(t, v)
	}
	if _, ok := v.(bool); ok {
		return fmt.Errorf("%w: write 1 or 0", mismatch(t, v))
	}
	return putInt(b, 0, 8*len(b), t, t.Encoding&btf.Signed != 0, v)
}

func encodeEnum(b []byte, t *btf.Enum, v any) error {
	v, err := enumValue(t, v)
	if err != nil {
		return err
	}
	return putInt(b, 0, 8*len(b), t, t.Signed, v)
}

// enumValue is the number of a name, or the number itself.
func enumValue(t *btf.Enum, v any) (any, error) {
	name, ok := v.(string)
	if !ok {
		return v, nil
	}
	for _, known := range t.Values {
		if known.Name == name && t.Signed {
			return int64(known.Value), nil
		} else if known.Name == name {
			return known.Value, nil
		}
	}
	return nil, fmt.Errorf("is a %s, which has no %q: %s", typeName(t), name,
		suggest(name, names(t.Values, func(v btf.EnumValue) string { return v.Name })))
}

// putInt writes an integer of so many bits if they can hold it.
func putInt(b []byte, shift, bits int, t btf.Type, signed bool, v any) error {
	var low int64
	high := uint64(math.MaxUint64) >> (64 - bits)
	if signed {
		high >>= 1
		low = -1 << (bits - 1)
	}
	switch v := v.(type) {
	case uint64:
		if v > high {
			return fmt.Errorf("is a %s: %d is not from %d to %d", typeName(t), v, low, high)
		}
		return putBits(b, shift, bits, v)
	case int64:
		if v < low || v > 0 && uint64(v) > high {
			return fmt.Errorf("is a %s: %d is not from %d to %d", typeName(t), v, low, high)
		}
		return putBits(b, shift, bits, uint64(v))
	}
	return mismatch(t, v)
}

// putBits writes bits of v, from bit shift of b on, little-endian.
func putBits(b []byte, shift, bits int, v uint64) error {
	if bits < 1 || bits > 64 || shift < 0 || shift+bits > 8*len(b) {
		return errors.New("has an integer type of a size that does not exist")
	}
	for i := range bits {
		at, bit := (shift+i)/8, byte(1)<<((shift+i)%8)
		b[at] &^= bit
		if v>>i&1 != 0 {
			b[at] |= bit
		}
	}
	return nil
}

func encodeArray(b []byte, t *btf.Array, v any) error {
	size, err := btf.Sizeof(t.Type)
	if err != nil || size <= 0 || size*int(t.Nelems) > len(b) {
		return fmt.Errorf("is a %s of a size that does not exist", typeName(t))
	}
	switch v := v.(type) {
	case string:
		if size != 1 {
			return mismatch(t, v)
		}
		if len(v) >= len(b) {
			return fmt.Errorf("is a %s: %d bytes and the final zero do not fit", typeName(t), len(v))
		}
		clear(b[copy(b, v):])
		return nil
	case []any:
		if uint64(len(v)) > uint64(t.Nelems) {
			return fmt.Errorf("is a %s: %d values do not fit", typeName(t), len(v))
		}
		for i, element := range v {
			if err := encode(b[i*size:(i+1)*size], t.Type, element); err != nil {
				return fmt.Errorf("[%d] %w", i, err)
			}
		}
		return nil
	}
	return mismatch(t, v)
}

func encodeMembers(b []byte, t btf.Type, members []btf.Member, v any) error {
	values, ok := v.([]Constant)
	if !ok {
		return mismatch(t, v)
	}
	for _, c := range values {
		if err := encodeMember(b, t, members, c); err != nil {
			return err
		}
	}
	return nil
}

// encodeMember sets the member that c names, which may be in an unnamed struct
// or union inside.
func encodeMember(b []byte, t btf.Type, members []btf.Member, c Constant) error {
	m, offset, ok := findMember(members, c.Name)
	if !ok {
		return fmt.Errorf("is a %s, which has no member %q: %s", typeName(t), c.Name,
			suggest(c.Name, memberNames(members)))
	}
	if m.BitfieldSize > 0 {
		return encodeBitfield(b, m, offset, c)
	}
	size, err := btf.Sizeof(m.Type)
	if at := int(offset.Bytes()); err == nil && size >= 0 && at <= len(b) && size <= len(b)-at {
		err = encode(b[at:at+size], m.Type, c.Value)
	} else if err == nil {
		err = errors.New("lies outside of its struct")
	}
	if err != nil {
		return fmt.Errorf(".%s %w", c.Name, err)
	}
	return nil
}

func encodeBitfield(b []byte, m btf.Member, offset btf.Bits, c Constant) error {
	signed, v, err := false, c.Value, error(nil)
	switch t := btf.UnderlyingType(m.Type).(type) {
	case *btf.Int:
		signed = t.Encoding&btf.Signed != 0
	case *btf.Enum:
		signed = t.Signed
		v, err = enumValue(t, v)
	}
	bits := min(int(m.BitfieldSize), 64)
	if err == nil {
		err = putInt(b, int(offset), bits, m.Type, signed, v)
	}
	if err != nil {
		return fmt.Errorf(".%s %w", c.Name, err)
	}
	return nil
}

// findMember finds a member by name and where it lies in the outermost struct.
func findMember(members []btf.Member, name string) (found btf.Member, at btf.Bits, ok bool) {
	walkMembers(members, 0, map[btf.Type]bool{}, func(m btf.Member, offset btf.Bits) {
		if m.Name == name && !ok {
			found, at, ok = m, offset, true
		}
	})
	return found, at, ok
}

// memberNames are the names that findMember finds.
func memberNames(members []btf.Member) (out []string) {
	walkMembers(members, 0, map[btf.Type]bool{}, func(m btf.Member, _ btf.Bits) { out = append(out, m.Name) })
	return out
}

// walkMembers visits the members that have a name, those of unnamed structs and
// unions inside included. No type is entered twice, and no more than a source
// could have: in a broken file types may contain themselves.
func walkMembers(members []btf.Member, base btf.Bits, entered map[btf.Type]bool, visit func(btf.Member, btf.Bits)) {
	for _, m := range members {
		inner := btf.UnderlyingType(m.Type)
		switch {
		case m.Name != "":
			visit(m, base+m.Offset)
		case !entered[inner] && len(entered) < 1000:
			entered[inner] = true
			walkMembers(membersOf(inner), base+m.Offset, entered, visit)
		}
	}
}

// membersOf are the members of a struct or union.
func membersOf(t btf.Type) []btf.Member {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}

// readNumber reads an integer of up to eight bytes, little-endian.
func readNumber(b []byte) uint64 {
	var word [8]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint64(word[:])
}

// valueName says what kind of value v is.
func valueName(v any) string {
	switch v := v.(type) {
	case bool:
		return fmt.Sprint(v)
	case string:
		return "text"
	case []any:
		return "a list"
	case []Constant:
		return "a list of members"
	case int64, uint64:
		return fmt.Sprintf("the number %d", v)
	}
	return fmt.Sprintf("a %T", v)
}

// typeName writes a type as C does.
func typeName(t btf.Type) string { return typeNameTo(t, 16) }

// typeNameTo goes so deep: in a broken file types may contain themselves.
func typeNameTo(t btf.Type, depth int) string {
	if depth == 0 {
		return "…"
	}
	switch t := t.(type) {
	case *btf.Const:
		return typeNameTo(t.Type, depth-1)
	case *btf.Volatile:
		return typeNameTo(t.Type, depth-1)
	case *btf.Array:
		return fmt.Sprintf("%s[%d]", typeNameTo(t.Type, depth-1), t.Nelems)
	case *btf.Pointer:
		return typeNameTo(t.Target, depth-1) + " *"
	case *btf.Struct:
		return tagged("struct", t.Name)
	case *btf.Union:
		return tagged("union", t.Name)
	case *btf.Enum:
		return tagged("enum", t.Name)
	case *btf.Void:
		return "void"
	case *btf.FuncProto:
		return "function"
	}
	if name := t.TypeName(); name != "" {
		return name
	}
	return "type without a name"
}

func tagged(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + " " + name
}
