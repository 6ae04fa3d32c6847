package plan

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzDecode: no input makes Decode panic; what it accepts and Encode can write
// means the same when it was written and read again.
func FuzzDecode(f *testing.F) {
	for _, c := range allBroken(f) {
		f.Add(c.bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return // units may share tables, so that what is read grows with the square
		}
		before := bytes.Clone(b)
		p, err := Decode(b)
		if !bytes.Equal(b, before) {
			t.Fatal("Decode writes into the plan")
		}
		if err != nil {
			if p != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v beside %v", p, err)
			}
			return
		}
		again, err := p.Encode()
		if err != nil {
			return // more than Encode writes
		}
		if q := decode(t, again); show(q) != show(p) {
			t.Errorf("first\n%s\nthen\n%s", show(p), show(q))
		}
	})
}
