package session

import "unsafe"

// word32 and word64 are fields of a mapping that others write. The offsets are
// constants of internal/abi or bounded by its counts, so they lie inside, and
// their alignment is that of the layout.
func word32(mem []byte, at int) *uint32 { return (*uint32)(unsafe.Pointer(&mem[at : at+4][0])) }
func word64(mem []byte, at int) *uint64 { return (*uint64)(unsafe.Pointer(&mem[at : at+8][0])) }
