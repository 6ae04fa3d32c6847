package show

// Fold makes one value of those that several CPUs, or leases, hold for one key:
// numbers are added up, also those inside structs and arrays; of anything else the
// first that is not zero counts. Bytes that cannot be folded so are a List of those
// that are not zero.
func Fold(values []Value) Value {
	used := make([]Value, 0, len(values))
	for _, v := range values {
		if !Zero(v) {
			used = append(used, v)
		}
	}
	switch len(used) {
	case 0:
		if len(values) == 0 {
			return nil
		}
		return values[0]
	case 1:
		return used[0]
	}
	if _, ok := used[0].(Bytes); ok {
		return List(used)
	}
	sum := used[0]
	for _, v := range used[1:] {
		sum = add(sum, v)
	}
	return sum
}

// add is the sum of two values of one type, neither of which is changed.
func add(a, b Value) Value {
	switch a := a.(type) {
	case uint64:
		if b, ok := b.(uint64); ok {
			return a + b
		}
	case int64:
		if b, ok := b.(int64); ok {
			return a + b
		}
	case float64:
		if b, ok := b.(float64); ok {
			return a + b
		}
	case List:
		if b, ok := b.(List); ok && len(a) == len(b) {
			return addLists(a, b)
		}
	case Object:
		if b, ok := b.(Object); ok && len(a) == len(b) {
			return addObjects(a, b)
		}
	}
	if Zero(a) {
		return b
	}
	return a
}

func addLists(a, b List) List {
	sum := make(List, len(a))
	for i := range a {
		sum[i] = add(a[i], b[i])
	}
	return sum
}

func addObjects(a, b Object) Object {
	sum := make(Object, len(a))
	for i := range a {
		sum[i] = Field{a[i].Name, add(a[i].Value, b[i].Value)}
	}
	return sum
}
