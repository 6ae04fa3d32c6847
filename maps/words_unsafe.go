package maps

import "unsafe"

// word64 is a word of memory that others change. The slice expression bounds it; at is
// 8-aligned, and so is what mem begins with.
func word64(mem []byte, at uint64) *uint64 { return (*uint64)(unsafe.Pointer(&mem[at : at+8][0])) }

// word32 is the same of 4 bytes.
func word32(mem []byte, at uint64) *uint32 { return (*uint32)(unsafe.Pointer(&mem[at : at+4][0])) }
