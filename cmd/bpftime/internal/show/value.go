package show

// A Value is what some bytes mean: nil, bool, int64, uint64, float64, string, Enum,
// Address, Bytes, List or Object.
type Value any

// Enum is a value of an enumeration; Name is empty for one that it does not list.
type Enum struct {
	N      uint64 // sign-extended if Signed
	Signed bool
	Name   string
}

// Address is the value of a pointer.
type Address uint64

// Bytes are bytes without a meaning.
type Bytes []byte

// List is the value of an array.
type List []Value

// Object is the value of a struct, a union or a data section, in the order of its
// definition. Members of anonymous members are its own, as in C.
type Object []Field

// Field is a named part of an Object.
type Field struct {
	Name  string
	Value Value
}

// Field returns the value of that name, nil if there is none.
func (o Object) Field(name string) Value {
	for _, f := range o {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Zero reports whether the value is that of memory nobody wrote to.
func Zero(v Value) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case int64:
		return v == 0
	case uint64:
		return v == 0
	case float64:
		return v == 0
	case string:
		return v == ""
	case Enum:
		return v.N == 0
	case Address:
		return v == 0
	case Bytes:
		return allZero(v)
	case List:
		return allOf(v, Zero)
	case Object:
		return allOf(v, func(f Field) bool { return Zero(f.Value) })
	}
	return false
}

func allZero(b []byte) bool { return allOf(b, func(c byte) bool { return c == 0 }) }

func allOf[T any](list []T, ok func(T) bool) bool {
	for _, v := range list {
		if !ok(v) {
			return false
		}
	}
	return true
}
