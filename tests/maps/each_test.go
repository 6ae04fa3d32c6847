package maps_test

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
)

// each runs bpf_for_each_map_elem on a map with the keys 0 to n - 1, of which key k has 10 * k, and returns the keys that
// came, the values, and the result.
func each(t *testing.T, path, mode string, n int) (keys, values []uint64, result int64) {
	t.Helper()
	out, err := exec.Command(build(t, "testdata/each.c", sanitized...), makeSession(t), path, mode, fmt.Sprint(n)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		var k, v uint64
		if _, err := fmt.Sscanf(line, "= %d\n", &result); err == nil {
			continue
		}
		if _, err := fmt.Sscanf(line, "%d %d\n", &k, &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		keys, values = append(keys, k), append(values, v)
	}
	return keys, values, result
}

func numbered(t *testing.T, spec maps.Spec, n int) (string, *maps.Map) {
	t.Helper()
	path := makeMap(t, spec)
	m := openWriter(t, path)
	for k := range n {
		if err := m.Update(le64(uint64(k))[:spec.KeySize], le64(uint64(10*k)), 0); err != nil {
			t.Fatal(err)
		}
	}
	return path, m
}

// upTo are the numbers below n.
func upTo(n int) (out []uint64) {
	for k := range n {
		out = append(out, uint64(k))
	}
	return out
}

// iterable are maps with long chains, short ones, and none.
var iterable = []maps.Spec{
	{Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 12},
	{Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 16},
	{Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 200, Flags: maps.ZeroSeed},
}

// TestEach: each entry once, an array's in order, as many as the function wants, and the result says how many those were.
func TestEach(t *testing.T) {
	const n = 12
	for _, spec := range iterable {
		path, _ := numbered(t, spec, n)
		keys, values, result := each(t, path, "all", 0)
		for i, k := range keys {
			if values[i] != 10*k {
				t.Errorf("%v: key %d has %d", spec, k, values[i])
			}
		}
		if spec.Type != maps.Array {
			slices.Sort(keys)
		}
		if !slices.Equal(keys, upTo(n)) || result != n {
			t.Errorf("%v: %d, result %d", spec, keys, result)
		}
		for _, most := range []int{1, 5, n} {
			if keys, _, result := each(t, path, "stop", most); len(keys) != most || result != int64(most) {
				t.Errorf("%v: %d entries until the %dth, result %d", spec, len(keys), most, result)
			}
		}
		if keys, _, result := each(t, path, "flags", 1); keys != nil || result != -22 {
			t.Errorf("%v: flags: %d, result %d, want EINVAL", spec, keys, result)
		}
	}
	empty, _ := numbered(t, iterable[1], 0)
	if keys, _, result := each(t, empty, "all", 0); keys != nil || result != 0 {
		t.Errorf("of an empty map: %d, result %d", keys, result)
	}
	for _, spec := range []maps.Spec{programs, ringOf(4096)} {
		if keys, _, result := each(t, makeMap(t, spec), "all", 0); keys != nil || result != -524 {
			t.Errorf("%v: %d, result %d, want ENOTSUPP", spec, keys, result)
		}
	}
}

// TestEachChanges: the function deletes, replaces and inserts while it goes on. What it does not touch comes once.
func TestEachChanges(t *testing.T) {
	const n = 12
	for _, spec := range iterable[1:] {
		for range 5 { // as many seeds
			path, m := numbered(t, spec, n)
			keys, values, result := each(t, path, "update", 0)
			if slices.Sort(keys); !slices.Equal(keys, upTo(n)) || result != n || slices.Max(values) >= 100+10*n {
				t.Errorf("%v: replaced while they come: %d with %d, result %d", spec, keys, values, result)
			}
			for k := range n {
				if v, err := m.Lookup(le64(uint64(k))[:spec.KeySize]); err != nil || binary.LittleEndian.Uint64(v[0]) != uint64(10*k+100) {
					t.Errorf("%v: key %d has %d, %v", spec, k, v, err)
				}
			}
			keys, _, result = each(t, path, "insert", 4)
			for k := range uint64(n) {
				if i := slices.Index(keys, k); i < 0 || slices.Index(keys[i+1:], k) >= 0 {
					t.Errorf("%v: inserted meanwhile: key %d is in %d", spec, k, keys)
				}
			}
			if len(keys) > n+4 || int(result) != len(keys) {
				t.Errorf("%v: %d, result %d", spec, keys, result)
			}
			keys, _, _ = each(t, path, "delete", 0)
			if slices.Sort(keys); len(keys) != n+4 || !slices.Equal(keys[:n], upTo(n)) {
				t.Errorf("%v: deleted while they come: %d", spec, keys)
			}
			auditFile(t, path).atRest(t)
			if keys, _, _ := each(t, path, "all", 0); keys != nil {
				t.Errorf("%v: %d are left", spec, keys)
			}
			path, _ = numbered(t, spec, n)
			if keys, _, result := each(t, path, "empty", 0); len(keys) != 1 || result != 1 {
				t.Errorf("%v: all others deleted at the first: %d, result %d", spec, keys, result)
			}
		}
	}
}
