package interp

import "math"

// Division by zero gives 0, and the remainder is the dividend (RFC 9669,
// section 4.1). Of 32-bit operations the caller has truncated both operands.

func div64(a, b uint64) uint64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func mod64(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return a % b
}

// The smallest number divided by -1 does not fit and stays what it is; Go has
// the same rule.

func sdiv64(a, b uint64) uint64 {
	if b == 0 {
		return 0
	}
	return uint64(int64(a) / int64(b))
}

func smod64(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return uint64(int64(a) % int64(b))
}

func sdiv32(a, b uint32) uint64 {
	if b == 0 {
		return 0
	}
	return uint64(uint32(int32(a) / int32(b)))
}

func smod32(a, b uint32) uint64 {
	if b == 0 {
		return uint64(a)
	}
	return uint64(uint32(int32(a) % int32(b)))
}

// signExtend fills the bits above width with the highest bit of width.
func signExtend(v uint64, width int32) uint64 {
	shift := 64 - uint(width)
	return uint64(int64(v<<shift) >> shift)
}

// truncate keeps the low bits.
func truncate(v uint64, width int32) uint64 {
	return v & (math.MaxUint64 >> (64 - uint(width)))
}
