package session_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/bpftime-go/bpftime/session"
)

// TestModules: what processes leave comes back; what is no list, or a line of none, is passed over.
func TestModules(t *testing.T) {
	dir := t.TempDir()
	if got := session.Modules(dir); got != nil {
		t.Errorf("%v", got)
	}
	want := []session.Module{
		{Lo: 0x1000, Hi: 0x2000, Bias: 0xfff, BuildID: []byte{0xab, 1}, Path: "/a b/c -d"},
		{Lo: 1 << 46, Hi: 1<<46 + 1, Bias: 1<<64 - 4096, BuildID: []byte{}, Path: "/x"},
	}
	if err := session.KeepModules(dir, 77, append(want, session.Module{Lo: 1, Hi: 2, Path: "/two\nlines"})); err != nil {
		t.Fatal(err)
	}
	if err := session.KeepModules(dir, 77+1024, want); err != nil { // in its place
		t.Fatal(err)
	}
	if got := session.Modules(dir); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	for name, text := range map[string]string{"78": "2000 1000 0 - /x\n", "79": "1 2 3 -zz /x\n1 2 3 /x\nzz 1 2 - /x\n\x00", "80": "1", ".81": "1000 2000 0 - /tmp\n"} {
		if err := os.WriteFile(filepath.Join(dir, "modules", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "modules", "82"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := session.Modules(dir); len(got) != 2 {
		t.Errorf("%+v", got)
	}
}
