package show

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// Text writes a value for people, in one line: {pid: 7, comm: "sh", slots: [1, 0 ×26]}.
func Text(v Value) string { return string(appendText(nil, v)) }

// JSON writes a value for programs: u64 as a number, bytes as hex, an enumeration by
// its name where it has one.
func JSON(v Value) json.RawMessage { return appendJSON(nil, v) }

// scalar writes what text and JSON have in common; ok is false for the others.
func scalar(dst []byte, v Value) (_ []byte, ok bool) {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v), true
	case int64:
		return strconv.AppendInt(dst, v, 10), true
	case uint64:
		return strconv.AppendUint(dst, v, 10), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, false
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64), true
	case Enum:
		switch {
		case v.Name != "":
			return dst, false
		case v.Signed:
			return strconv.AppendInt(dst, int64(v.N), 10), true
		}
		return strconv.AppendUint(dst, v.N, 10), true
	}
	return dst, false
}

func appendText(dst []byte, v Value) []byte {
	if dst, ok := scalar(dst, v); ok {
		return dst
	}
	switch v := v.(type) {
	case string:
		return strconv.AppendQuote(dst, v)
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case Enum:
		return append(dst, v.Name...)
	case Address:
		return strconv.AppendUint(append(dst, "0x"...), uint64(v), 16)
	case Bytes:
		return hex.AppendEncode(append(dst, "hex:"...), v)
	case List:
		return append(textList(append(dst, '['), v), ']')
	case Object:
		dst = append(dst, '{')
		for i, f := range v {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendText(append(append(dst, f.Name...), ": "...), f.Value)
		}
		return append(dst, '}')
	}
	return append(dst, '?')
}

// fewEqual is how many equal elements of a list are written out.
const fewEqual = 3

func textList(dst []byte, list List) []byte {
	for i := 0; i < len(list); {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		one := appendText(nil, list[i])
		n := i + 1
		for n < len(list) && slices.Equal(one, appendText(nil, list[n])) {
			n++
		}
		dst = append(dst, one...)
		if n-i <= fewEqual {
			i++
			continue
		}
		dst = strconv.AppendInt(append(dst, " ×"...), int64(n-i), 10)
		i = n
	}
	return dst
}

func appendJSON(dst []byte, v Value) []byte {
	if dst, ok := scalar(dst, v); ok {
		return dst
	}
	switch v := v.(type) {
	case string:
		return appendString(dst, v)
	case float64:
		return appendString(dst, strconv.FormatFloat(v, 'g', -1, 64))
	case Enum:
		return appendString(dst, v.Name)
	case Address:
		return strconv.AppendUint(dst, uint64(v), 10)
	case Bytes:
		return append(hex.AppendEncode(append(dst, '"'), v), '"')
	case List:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, e)
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		for i, f := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(append(appendString(dst, f.Name), ':'), f.Value)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// appendString leaves <, > and & as they are: nobody puts this into HTML.
func appendString(dst []byte, s string) []byte {
	if isPlain(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return append(dst, `""`...)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}

// isPlain reports whether a string needs nothing but quotes.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
