package object_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm/object"
)

// described is a struct as libbpf 1.7 has it for arguments of markers: an enum in
// eight bits, and numbers in parts of words.
func described() *btf.Struct {
	word := &btf.Int{Name: "unsigned long long", Size: 8}
	half := &btf.Int{Name: "unsigned short", Size: 2}
	kind := &btf.Enum{Name: "kind", Size: 4, Values: []btf.EnumValue{{Name: "FIRST"}, {Name: "SECOND", Value: 3}}}
	return &btf.Struct{Name: "described", Size: 16, Members: []btf.Member{
		{Name: "value", Type: word},
		{Name: "kind", Type: kind, Offset: 64, BitfieldSize: 8},
		{Name: "index", Type: half, Offset: 72, BitfieldSize: 12},
		{Name: "shift", Type: half, Offset: 84, BitfieldSize: 4},
		{Name: "offset", Type: half, Offset: 96},
	}}
}

func TestEncode(t *testing.T) {
	out := make([]byte, 16)
	err := object.Encode(out, described(), []object.Constant{
		{Name: "value", Value: uint64(0x1122)}, {Name: "kind", Value: "SECOND"}, {Name: "index", Value: uint64(0xabc)},
		{Name: "shift", Value: uint64(5)}, {Name: "offset", Value: uint64(80)},
	})
	want := []byte{0x22, 0x11, 0, 0, 0, 0, 0, 0, 3, 0xbc, 0x5a, 0, 80, 0, 0, 0}
	if err != nil || !bytes.Equal(out, want) {
		t.Errorf("% x, %v; want % x", out, err, want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, c := range []struct {
		size  int
		value object.Constant
		want  string
	}{
		{15, object.Constant{Name: "value", Value: uint64(1)}, "has not the size of 15 bytes"},
		{16, object.Constant{Name: "kind", Value: "THIRD"}, `which has no "THIRD"`},
		{16, object.Constant{Name: "index", Value: uint64(0x1000)}, "4096 is not from 0 to 4095"},
		{16, object.Constant{Name: "scale", Value: uint64(1)}, `which has no member "scale"`},
	} {
		err := object.Encode(make([]byte, c.size), described(), []object.Constant{c.value})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s", c.value.Name, err, c.want)
		}
	}
}
