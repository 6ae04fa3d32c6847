package gadgets

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestErrnos: the list is what the system's headers say.
func TestErrnos(t *testing.T) {
	for n := range uint64(134) {
		name := unix.ErrnoName(unix.Errno(n))
		if name == "ENOTSUP" || name == "EFSCORRUPTED" { // other names
			continue
		}
		if got, err := errnoOf(name); name != "" && (err != nil || got != n) {
			t.Errorf("%s: %d, %v, want %d", name, got, err, n)
		}
	}
	for _, name := range []string{"", "-", "EWHAT", "ENOENT "} {
		if n, err := errnoOf(name); err == nil {
			t.Errorf("%q: %d", name, n)
		}
	}
}
