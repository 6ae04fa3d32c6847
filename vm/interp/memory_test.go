package interp_test

import (
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm/interp"
)

func TestMapChoosesAddresses(t *testing.T) {
	m := machine(t, `
		r0 = *(u8 *)(r1 + 3)
		*(u8 *)(r2 + 0) = r0
		exit`, interp.Options{})
	a, b := []byte{1, 2, 3, 4}, make([]byte, 1)
	addrA, err := m.Memory().Map("a", a, interp.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	addrB, err := m.Memory().Map("b", b, interp.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if r0, err := m.Call(addrA, addrB); r0 != 4 || err != nil || b[0] != 4 {
		t.Errorf("r0 = %d, %v, b = %v", r0, err, b)
	}
	m.Memory().Unmap(addrA)
	if _, err := m.Call(addrA, addrB); err == nil || !strings.Contains(err.Error(), "a is gone or empty") {
		t.Errorf("after Unmap: %v", err)
	}
}

func TestMapAt(t *testing.T) {
	mem := machine(t, "exit", interp.Options{}).Memory()
	place := func(addr uint64, size int) string {
		return errorText(mem.MapAt(addr, "region", make([]byte, size), interp.ReadWrite))
	}
	for _, c := range []struct {
		addr uint64
		size int
		want string
	}{
		{0x2000, 0x100, ""},
		{0x2100, 0x100, ""},
		{0x1f00, 0x100, ""},
		{0x5000, 0x10, ""},
		{0x2080, 1, "interp: map region at 0x2080: overlaps region at 0x2000"},
		{0x1000, 0x10000, "interp: map region at 0x1000: overlaps region at 0x1f00"},
		{0x20ff, 2, "interp: map region at 0x20ff: overlaps region at 0x2000"},
		{0x4fff, 2, "interp: map region at 0x4fff: overlaps region at 0x5000"},
		{^uint64(0), 2, "interp: map region: 2 bytes at 0xffffffffffffffff reach beyond 0x2000000000000000"},
		{0x1fffffffffffffff, 2, "interp: map region: 2 bytes at 0x1fffffffffffffff reach beyond 0x2000000000000000"},
	} {
		if got := place(c.addr, c.size); got != c.want {
			t.Errorf("%#x+%#x: %q, want %q", c.addr, c.size, got, c.want)
		}
	}
}

func TestReadAndWrite(t *testing.T) {
	mem := machine(t, "exit", interp.Options{}).Memory()
	if err := mem.MapAt(0x2000, "low", []byte("low region"), interp.ReadWrite); err != nil {
		t.Fatal(err)
	}
	if err := mem.MapAt(0x3000, "constant", []byte("constant"), interp.ReadOnly); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 6)
	if err := mem.Read(0x2004, buf); err != nil || string(buf) != "region" {
		t.Errorf("%q, %v", buf, err)
	}
	if err := mem.Write(0x2000, []byte("new")); err != nil {
		t.Error(err)
	}
	if err := mem.Read(0x2000, buf); string(buf) != "new re" {
		t.Errorf("%q, %v", buf, err)
	}
	for what, err := range map[string]error{
		"read across the end":  mem.Read(0x2005, buf),
		"read before":          mem.Read(0x1fff, buf),
		"read far away":        mem.Read(0x9999_0000, buf),
		"write to a constant":  mem.Write(0x3000, buf),
		"read around the top":  mem.Read(^uint64(0)-2, buf),
		"write across the end": mem.Write(0x2008, buf),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if err := mem.Read(0x9999_0000, nil); err != nil {
		t.Errorf("nothing, read from nowhere: %v", err)
	}
}
