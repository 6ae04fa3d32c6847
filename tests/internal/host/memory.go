package host

import (
	"strconv"
	"strings"
	"testing"
)

// AvailableMemory returns how many megabytes a program could use without swapping.
func AvailableMemory(t testing.TB) int {
	t.Helper()
	info, err := readStatus("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	kilobytes, err := strconv.Atoi(strings.TrimSuffix(info["MemAvailable"], " kB"))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes / 1024
}
