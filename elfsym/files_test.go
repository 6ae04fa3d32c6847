package elfsym

import "testing"

// The host's libraries, as Debian and Ubuntu install them.
const (
	libc      = "/usr/lib/x86_64-linux-gnu/libc.so.6"
	libstdcpp = "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"
	ldso      = "/lib64/ld-linux-x86-64.so.2"
)

// open opens a file for the duration of the test.
func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
