package object_test

import "unsafe"

// address is where memory lies that the collector does not own.
func address(mem []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem)))) }
