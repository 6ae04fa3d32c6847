package ringbuf

import "unsafe"

// word64 is a word of the ring, which others change. The slice expression bounds it; at
// is 8-aligned, and so is the mapping.
func word64(mem []byte, at uint64) *uint64 { return (*uint64)(unsafe.Pointer(&mem[at : at+8][0])) }
