package maps

import "unsafe"

// word64 is a value of a mapping that programs write. The slice expression bounds
// it; values are 8-aligned by Spec.valueStride.
func word64(mem []byte, at uint64) *uint64 { return (*uint64)(unsafe.Pointer(&mem[at : at+8][0])) }
