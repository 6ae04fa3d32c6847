package host

import (
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/x86"
)

// Instructions are the offsets at which those of a function begin; none where the file has no such function.
func Instructions(t testing.TB, path, function string) (starts []uint64) {
	t.Helper()
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Lookup(function)
	if err != nil {
		t.Log(err)
		return nil
	}
	fn, ok := f.FuncAt(symbols[0].Value)
	if !ok || fn.Lo != symbols[0].Value {
		t.Logf("%s: not a function of its own", function)
		return nil
	}
	code, err := f.Bytes(fn.Lo, int(fn.Hi-fn.Lo))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(code); {
		in, err := x86.Decode(code[at:])
		if err != nil {
			t.Fatalf("%s+%#x: %v", function, at, err)
		}
		starts = append(starts, uint64(at))
		at += in.Len
	}
	return starts
}
