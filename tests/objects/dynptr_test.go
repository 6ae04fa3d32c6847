package objects

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDynptr: records are as long as they were asked for, and come or not as they are submitted or discarded; what fails,
// fails with the kernel's errors.
func TestDynptr(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		const calls = 20
		tr := onTarget(t, v, "objects: [{path: OBJ/dynptr.bpf.o}]", "greet", fmt.Sprint(calls))
		var want, got []string
		for i := 1; i <= calls; i++ {
			if name := fmt.Sprintf("name-%d", i); i%3 != 0 {
				want = append(want, fmt.Sprintf("%d %s\x00", i, name))
			}
		}
		for _, b := range records(t, tr, "dynptr.names") {
			got = append(got, fmt.Sprintf("%d %s", number(b[:4]), b[4:]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("records %q, want %q", got, want)
		}
		vars := globals(t, tr, "dynptr", "bss")
		for name, want := range map[string]unix.Errno{
			"bad_flags": unix.EINVAL, "none_read": unix.EINVAL, "whole": 0, "wrote": 0, "write_behind": unix.E2BIG, "read_behind": unix.E2BIG,
			"read_flags": unix.EINVAL, "no_slice": 0, "reserve_flags": unix.EINVAL, "too_long": unix.EINVAL, "shifted": 0,
		} {
			if got := -int64(vars[name]); got != int64(want) {
				t.Errorf("%s: error %d, want %v", name, got, want)
			}
		}
		values, err := opened(t, tr, "dynptr.area").Lookup(make([]byte, 4))
		if err != nil || string(values[0][56:]) != "aabcdefg" {
			t.Errorf("%q, %v", values, err)
		}
	})
}
