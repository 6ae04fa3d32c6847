package host

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// AvailableMemory returns how many megabytes a program could use without swapping.
func AvailableMemory(t testing.TB) int {
	t.Helper()
	return kilobytes(t, "/proc/meminfo", "MemAvailable") / 1024
}

// Resident returns the kilobytes of memory that a process occupies.
func Resident(t testing.TB, pid int) int {
	t.Helper()
	return kilobytes(t, fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
}

func kilobytes(t testing.TB, file, field string) int {
	t.Helper()
	info, err := readStatus(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(info[field], " kB"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
