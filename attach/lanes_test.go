package attach

import (
	"testing"

	"github.com/cilium/ebpf/btf"
)

func numberOf(size uint32) *btf.Int { return &btf.Int{Name: "n", Size: size} }

func structOf(size uint32, types ...btf.Type) *btf.Struct {
	s, at := &btf.Struct{Size: size}, uint32(0)
	for _, t := range types {
		n, _ := btf.Sizeof(t)
		if n > 0 {
			at = (at + min(uint32(n), 8) - 1) / min(uint32(n), 8) * min(uint32(n), 8)
		}
		s.Members = append(s.Members, btf.Member{Type: t, Offset: btf.Bits(at * 8)})
		at += uint32(n)
	}
	return s
}

// TestLanes: a bit for the last byte of each number, by words; none where a word holds something else.
func TestLanes(t *testing.T) {
	char := &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	for _, c := range []struct {
		name string
		t    btf.Type
		size uint32
		want string
	}{
		{"no type", nil, 16, ""},
		{"one number", numberOf(8), 8, ""},
		{"what the size says too", structOf(8, numberOf(8)), 8, ""},
		{"two of 4 bytes", structOf(8, numberOf(4), numberOf(4)), 8, "\x88"},
		{"padding between and behind", structOf(24, numberOf(2), numberOf(4), numberOf(8), numberOf(1)), 24, "\x82\x80\x01"},
		{"text", structOf(16, numberOf(8), &btf.Array{Type: char, Nelems: 8}), 16, "\x80\x00"},
		{"a number and text in one word", structOf(8, numberOf(4), &btf.Array{Type: char, Nelems: 4}), 8, "\x00"},
		{"an array of structs", &btf.Array{Type: structOf(8, numberOf(4), numberOf(1)), Nelems: 3}, 24, "\x18\x18\x18"},
		{"a pointer", structOf(16, &btf.Pointer{Target: numberOf(8)}, numberOf(8)), 16, "\x00\x80"},
		{"a number of 16 bytes", numberOf(16), 16, "\x00\x00"},
		{"a union", &btf.Union{Size: 8}, 8, "\x00"},
		{"a type that is larger than the value", &btf.Array{Type: numberOf(8), Nelems: 1 << 31}, 16, ""},
		{"a type that is smaller", numberOf(4), 16, "\x00\x00"},
		{"members beyond the end", structOf(8, numberOf(4), numberOf(4), numberOf(4)), 8, "\x88"},
	} {
		if got := lanesOf(c.t, c.size); got != c.want {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}
