package show

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Encode is Decode backwards: it makes the size bytes that a text stands for. The text
// is a number (42, -1, 0x2a), true or false, the name of an enumeration's value, a
// string for an array of char (quoted or not), hex:0a0b for any bytes, and JSON for
// arrays and structs; members that are not named are zero.
func Encode(t btf.Type, size int, text string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		return rawBytes(digits, size)
	}
	b := make([]byte, size)
	if t == nil {
		return b, encodeUntyped(b, text)
	}
	if n, err := btf.Sizeof(t); err != nil || n != size {
		return nil, fmt.Errorf("its type has %d bytes, the map says %d: write hex:…", n, size)
	}
	return b, encode(t, b, parse(text))
}

func rawBytes(digits string, size int) ([]byte, error) {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("hex:%s: %w", digits, err)
	}
	if len(b) != size {
		return nil, fmt.Errorf("hex:%s has %d bytes, wanted are %d", digits, len(b), size)
	}
	return b, nil
}

func encodeUntyped(b []byte, text string) error {
	switch len(b) {
	case 1, 2, 4, 8:
		return encodeInteger(b, text, strings.HasPrefix(text, "-"))
	}
	return fmt.Errorf("%d bytes without a known type: write them as hex:…", len(b))
}

// parse reads JSON; what is none is a word.
func parse(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return text
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return text
	}
	return v
}

func encode(t btf.Type, b []byte, v any) error {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		return encodeInt(t, b, v)
	case *btf.Enum:
		return encodeEnum(t, b, v)
	case *btf.Pointer:
		return encodeInteger(b, word(v), false)
	case *btf.Float:
		return encodeFloat(b, v)
	case *btf.Array:
		return encodeArray(t, b, v)
	case *btf.Struct:
		return encodeMembers(t.Members, b, v)
	case *btf.Union:
		return encodeMembers(t.Members, b, v)
	}
	return fmt.Errorf("a %v cannot be written as text: write hex:…", t)
}

// word is a scalar as it was written.
func word(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	b, _ := json.Marshal(v)
	return string(b)
}

func encodeInt(t *btf.Int, b []byte, v any) error {
	if t.Encoding == btf.Bool {
		switch word(v) {
		case "true":
			b[0] = 1
			return nil
		case "false":
			return nil
		}
	}
	return encodeInteger(b, word(v), t.Encoding == btf.Signed)
}

func encodeInteger(b []byte, text string, signed bool) error {
	if len(b) > 8 {
		return fmt.Errorf("a number of %d bytes: write hex:…", len(b))
	}
	var n uint64
	var err error
	if signed {
		var s int64
		s, err = strconv.ParseInt(text, 0, 8*len(b))
		n = uint64(s)
	} else {
		n, err = strconv.ParseUint(text, 0, 8*len(b))
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s does not fit into %d bytes", text, len(b))
	case err != nil:
		return fmt.Errorf("%q is no number%s", text, map[bool]string{false: " from 0 on"}[signed])
	}
	var full [8]byte
	binary.LittleEndian.PutUint64(full[:], n)
	copy(b, full[:])
	return nil
}

func encodeEnum(t *btf.Enum, b []byte, v any) error {
	for _, e := range t.Values {
		if e.Name == word(v) {
			var full [8]byte
			binary.LittleEndian.PutUint64(full[:], e.Value)
			copy(b, full[:])
			return nil
		}
	}
	if err := encodeInteger(b, word(v), t.Signed); err != nil {
		return fmt.Errorf("%q is neither a number nor a value of enum %s", word(v), t.Name)
	}
	return nil
}

func encodeFloat(b []byte, v any) error {
	f, err := strconv.ParseFloat(word(v), 8*len(b))
	if err != nil {
		return fmt.Errorf("%q is no number", word(v))
	}
	if len(b) == 4 {
		binary.LittleEndian.PutUint32(b, math.Float32bits(float32(f)))
	} else {
		binary.LittleEndian.PutUint64(b, math.Float64bits(f))
	}
	return nil
}

func encodeArray(t *btf.Array, b []byte, v any) error {
	if list, ok := v.([]any); ok {
		return encodeList(t, b, list)
	}
	switch {
	case isChar(t.Type):
		if len(word(v)) > len(b) {
			return fmt.Errorf("%q has %d bytes, room is for %d", word(v), len(word(v)), len(b))
		}
		copy(b, word(v))
		return nil
	case isByte(t.Type):
		raw, err := rawBytes(strings.TrimPrefix(word(v), "hex:"), len(b))
		copy(b, raw)
		return err
	}
	return fmt.Errorf("%q: an array is written [1, 2, …]", word(v))
}

func encodeList(t *btf.Array, b []byte, list []any) error {
	size, err := btf.Sizeof(t.Type)
	if err != nil || uint64(len(list)) > uint64(t.Nelems) {
		return fmt.Errorf("%d elements, room is for %d", len(list), t.Nelems)
	}
	for i, v := range list {
		if err := encode(t.Type, b[i*size:(i+1)*size], v); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}

func encodeMembers(members []btf.Member, b []byte, v any) error {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%q: a struct is written {%s}", word(v), strings.Join(quoted(names(members, 0)), ": …, ")+": …")
	}
	known := names(members, 0)
	for name := range object {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no member %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return setMembers(members, b, object, 0)
}

// names lists the members, with those of anonymous ones.
func names(members []btf.Member, depth int) (out []string) {
	for _, m := range members {
		switch {
		case m.Name != "":
			out = append(out, m.Name)
		case depth < maxDepth:
			out = append(out, names(inner(m), depth+1)...)
		}
	}
	return out
}

func quoted(names []string) (out []string) {
	for _, n := range names {
		out = append(out, strconv.Quote(n))
	}
	return out
}

func inner(m btf.Member) []btf.Member {
	switch t := btf.UnderlyingType(m.Type).(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}

func setMembers(members []btf.Member, b []byte, object map[string]any, depth int) error {
	for _, m := range members {
		size, err := btf.Sizeof(m.Type)
		at := int64(m.Offset / 8)
		if err != nil || at+int64(size) > int64(len(b)) || depth > maxDepth {
			return fmt.Errorf("%s: lies outside of its struct: write hex:…", m.Name)
		}
		v, given := object[m.Name]
		switch {
		case m.Name == "":
			err = setMembers(inner(m), b[at:at+int64(size)], object, depth+1)
		case !given:
			continue
		case m.BitfieldSize > 0:
			err = errors.New("it is a bit field: write the whole as hex:…")
		default:
			err = encode(m.Type, b[at:at+int64(size)], v)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	return nil
}
