// Package suite has the helpers that programs of the public conformance suites
// call.
//
// Protocol. Helpers returns a new registry each time. The programs are the
// suites', trusted as far as that goes: strings end in zero, or the memory ends.
package suite

import (
	"bytes"
	"math"

	"github.com/bpftime-go/bpftime/vm/helper"
)

// Helpers are the six that the suites call, 0 to 5; they are ubpf's.
func Helpers() *helper.Registry {
	return new(helper.Registry).
		Register(0, helper.Pure(gatherBytes)).
		Register(1, memfrob).
		Register(2, helper.Pure(func(_, _, _, _, _ uint64) uint64 { return 0 })). // no_op
		Register(3, helper.Pure(func(a, _, _, _, _ uint64) uint64 { return uint64(math.Sqrt(float64(a))) })).
		Register(4, strcmp).
		Register(5, helper.Pure(func(a, _, _, _, _ uint64) uint64 { return a })) // unwind
}

func gatherBytes(a, b, c, d, e uint64) uint64 {
	return a&0xff<<32 | b&0xff<<24 | c&0xff<<16 | d&0xff<<8 | e&0xff
}

// memfrob xors r2 bytes at r1 with 42 and returns r1.
func memfrob(m helper.Memory, r1, r2, _, _, _ uint64) (uint64, error) {
	buf := make([]byte, r2&0xffff)
	if err := m.Read(r1, buf); err != nil {
		return 0, err
	}
	for i := range buf {
		buf[i] ^= 42
	}
	return r1, m.Write(r1, buf)
}

// strcmp compares two strings that end in zero, as C does.
func strcmp(m helper.Memory, r1, r2, _, _, _ uint64) (uint64, error) {
	a, err := cString(m, r1)
	if err != nil {
		return 0, err
	}
	b, err := cString(m, r2)
	return uint64(int64(bytes.Compare(a, b))), err
}

func cString(m helper.Memory, addr uint64) ([]byte, error) {
	var s []byte
	for c := [1]byte{}; ; addr++ {
		if err := m.Read(addr, c[:]); err != nil || c[0] == 0 {
			return s, err
		}
		s = append(s, c[0])
	}
}
