package maps_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
)

// oneStack is a map in which all traces have the same number.
var oneStack = maps.Spec{Type: maps.StackTrace, KeySize: 4, ValueSize: 40, MaxEntries: 1}

const reuse = 1 << 10 // BPF_F_REUSE_STACKID

// putStack has a program put a trace, and returns its number or error.
func putStack(t *testing.T, session, path string, lease int, value []byte, flags uint64) unix.Errno {
	t.Helper()
	return follow(t, session, path, operation{"stack", lease, []byte{0}, value, flags}).finish()
}

// TestStackWriterKilled: behind every instruction of a program that puts a trace, in an empty bucket and over another
// trace. What is there is whole or nothing, and the next one puts its own.
func TestStackWriterKilled(t *testing.T) {
	for _, before := range [][]byte{nil, pattern(40)} {
		t.Run(fmt.Sprint(len(before)), func(t *testing.T) {
			session, path := makeSession(t), makeMap(t, oneStack)
			if before != nil {
				putStack(t, session, path, 1, before, 0)
			}
			after := bytes.Repeat([]byte{7}, 40)
			seen := map[string]int{}
			for _, b := range states(t, path, operation{"stack", 5, []byte{0}, after, reuse}) {
				file := filepath.Join(shared(t), "state")
				overwrite(t, file, b)
				seen[whatIsThere(t, file, before, after)]++
				next := pattern(40)[:40]
				next[0]++
				if errno := putStack(t, makeSession(t), file, 9, next, reuse); errno != 0 {
					t.Errorf("the next one: %v", errno)
				}
				if got := lookupStack(t, file); !bytes.Equal(got, next) {
					t.Errorf("after the next one: %x", got)
				}
			}
			if seen["after"] == 0 || seen["nothing"] == 0 || (seen["before"] == 0) != (before == nil) {
				t.Errorf("states seen: %v", seen)
			}
			t.Log(seen)
		})
	}
}

func lookupStack(t *testing.T, path string) []byte {
	t.Helper()
	values, err := openWriter(t, path).Lookup(make([]byte, 4))
	if err != nil && !errors.Is(err, unix.ENOENT) {
		t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return values[0]
}

func whatIsThere(t *testing.T, path string, before, after []byte) string {
	t.Helper()
	switch got := lookupStack(t, path); {
	case got == nil:
		return "nothing"
	case before != nil && bytes.Equal(got, before):
		return "before"
	case bytes.Equal(got, after):
		return "after"
	default:
		t.Errorf("torn: %x", got)
		return "torn"
	}
}

// TestStackMap: from Go, traces are found by their number and deleted, as the kernel's system calls do it.
func TestStackMap(t *testing.T) {
	session, path := makeSession(t), makeMap(t, maps.Spec{Type: maps.StackTrace, KeySize: 4, ValueSize: 16, MaxEntries: 50})
	m := openWriter(t, path)
	if errno := putStack(t, session, path, 1, pattern(16), 0); errno != 0 {
		t.Log(errno) // its number, as an error
	}
	var keys [][]byte
	for key, values := range m.All() {
		keys = append(keys, key)
		if !bytes.Equal(values[0], pattern(16)) {
			t.Errorf("%x", values[0])
		}
	}
	if len(keys) != 1 {
		t.Fatalf("%d traces", len(keys))
	}
	if err := m.Update(keys[0], pattern(16), 0); !errors.Is(err, unix.EINVAL) {
		t.Errorf("update: %v", err)
	}
	if err := m.Delete(keys[0]); err != nil {
		t.Error(err)
	}
	if err := m.Delete(keys[0]); !errors.Is(err, unix.ENOENT) {
		t.Errorf("deleted twice: %v", err)
	}
	for _, key := range [][]byte{keys[0], binary.LittleEndian.AppendUint32(nil, 64), binary.LittleEndian.AppendUint32(nil, 1<<31)} {
		if _, err := m.Lookup(key); !errors.Is(err, unix.ENOENT) {
			t.Errorf("lookup %x: %v", key, err)
		}
	}
}
