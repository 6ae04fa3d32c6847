package elfsym

import (
	"errors"
	"testing"
)

// TestNameless: a function without a name has its address for one, and its name hides it from such patterns otherwise.
func TestNameless(t *testing.T) {
	f := open(t, libc)
	all, cold, err := f.GlobAll("0x*")
	named, _, _ := f.GlobAll("*")
	if err != nil || len(all) < 500 || len(all)+cold+len(named) < len(f.Functions()) {
		t.Fatalf("%d functions without a name and %d parts, %d with one, of %d: %v", len(all), cold, len(named), len(f.Functions()), err)
	}
	for _, s := range all[:100] {
		found, err := f.Lookup(s.Name)
		if err != nil || len(found) != 1 || found[0].Value != s.Value || found[0].Size != s.Size {
			t.Errorf("%+v is found as %+v, %v", s, found, err)
		}
		if again, err := f.Glob(s.Name); err != nil || len(again) != 1 {
			t.Errorf("Glob(%s): %+v, %v", s.Name, again, err)
		}
	}
	malloc, err := f.Lookup("malloc")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Value == malloc[0].Value {
			t.Errorf("malloc is also called %s", s.Name)
		}
	}
	for _, name := range []string{"0x1", "0xffffffffffffffff"} {
		if got, err := f.Lookup(name); !errors.Is(err, ErrNoSymbol) {
			t.Errorf("Lookup(%s): %+v, %v", name, got, err)
		}
	}
}
