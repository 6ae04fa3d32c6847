package survey

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpftime-go/bpftime/elfsym"
)

// TestReasons: kinds of reasons are told apart from the places they are about.
func TestReasons(t *testing.T) {
	ok := Half{Tactic: "jump"}
	no := func(why string) Half { return Half{Why: why} }
	fns := []Function{
		{Vaddr: 0x10, Entry: no("a jump leads to +0x2, inside"), Return: no("a jump leads to +0x2, inside")},
		{Vaddr: 0x20, Name: "b", Entry: ok, Return: no("it looks at its caller (+0x4); it jumps to 0x77")},
		{Vaddr: 0x30, Name: "c", Entry: no("a jump leads to +0x3, inside"), Return: no("a jump leads to +0x3, inside")},
		{Vaddr: 0x40, Entry: ok, Return: no("it looks at its caller (0x4, in code that it jumps on to); it jumps to 0x99")},
		{Vaddr: 0x50, Name: "part", Part: true, Entry: ok, Return: no("not counted")},
		{Vaddr: 0x60, Name: "e", Entry: no("cannot be decoded (0f0b12): x86"), Return: no("another")},
		{Vaddr: 0x70, Name: "f", Entry: ok, Return: no("it reads 22 words")},
		{Vaddr: 0x80, Name: "g", Entry: ok, Return: no("it reads 21 words")},
		{Vaddr: 0x90, Name: "h", Entry: ok, Return: no("it reads 21 words")},
		{Vaddr: 0xa0, Name: "i", Entry: ok, Return: no("it reads 20 words")},
	}
	calls := []Syscall{{Vaddr: 0x11, Place: "0x11", Half: no("another")}, {Vaddr: 0x12, Place: "c+0x2", Half: ok}}
	markers := []Marker{{USDT: elfsym.USDT{Provider: "p", Name: "n", Addr: 0x13}, Half: no("another")}}
	want := []Reason{
		{"it reads … words", 0, 4, 0, 0, []string{"f", "g", "h"}},
		{"another", 0, 1, 1, 1, []string{"e", "0x11", "p:n"}},
		{"a jump leads to …, inside", 2, 2, 0, 0, []string{"c", "0x10"}},
		{"it looks at its caller; it jumps to …", 0, 2, 0, 0, []string{"b", "0x40"}},
		{"cannot be decoded (0f0b12): x86", 1, 0, 0, 0, []string{"e"}},
	}
	if diff := cmp.Diff(want, Survey{fns, calls, markers}.Reasons()); diff != "" {
		t.Error(diff)
	}
}
