package show

import (
	"cmp"
	"strings"
)

// Compare orders values of one type: numbers by size, structs by their first members
// that differ, others by their text.
func Compare(a, b Value) int {
	switch a := a.(type) {
	case uint64:
		if b, ok := b.(uint64); ok {
			return cmp.Compare(a, b)
		}
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b)
		}
	case Object:
		if b, ok := b.(Object); ok && len(a) == len(b) {
			return compareObjects(a, b)
		}
	}
	return strings.Compare(Text(a), Text(b))
}

func compareObjects(a, b Object) int {
	for i := range a {
		if by := Compare(a[i].Value, b[i].Value); by != 0 {
			return by
		}
	}
	return 0
}
