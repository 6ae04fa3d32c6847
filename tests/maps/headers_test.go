package maps_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
)

// headers are small maps of the types that are no keys with values.
var headers = []maps.Spec{
	{Type: maps.Queue, ValueSize: 12, MaxEntries: 9},
	{Type: maps.Stack, ValueSize: 40, MaxEntries: 9},
	{Type: maps.BloomFilter, ValueSize: 8, MaxEntries: 50, Extra: 3},
	{Type: maps.StackTrace, KeySize: 4, ValueSize: 80, MaxEntries: 12},
	programs,
	nested,
	{Type: maps.HashOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 6, Inner: maps.InnerOf(inner)},
	{Type: maps.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: 2},
	ringOf(4096),
	recorderOf(4096),
	userRing,
	{Type: maps.Hash, KeySize: 4, ValueSize: 16, MaxEntries: 12, Lock: 9},
	{Type: maps.Array, KeySize: 4, ValueSize: 24, MaxEntries: 12, Lock: 1},
}

// isFree: nothing follows from this byte of a header, and Go may open the file with another value there.
func isFree(at int64) bool {
	return at >= abi.MAP_HDR_SEED && at < abi.MAP_HDR_SEED+8 || at == abi.MAP_HDR_FROZEN || at >= abi.MAP_HDR_NCPUS && at < abi.MAP_HDR_NCPUS+4
}

// TestHeadersOfAll: each byte of the header of every other type is changed. Go refuses the file, if it is not one of another
// definition. C refuses it, or stays in it whatever a program asks for.
func TestHeadersOfAll(t *testing.T) {
	for _, spec := range headers {
		t.Run(fmt.Sprint(spec.Type, spec.ValueSize, spec.MaxEntries, spec.Lock), func(t *testing.T) {
			t.Parallel()
			path := filled(t, spec)
			if done, ok := useAny(t, path); !ok || done == 0 {
				t.Fatalf("unchanged: accepted is %v, and %d things were done", ok, done)
			}
			refused := 0
			for at := range int64(abi.MAP_HDR_LANES + abi.MAP_NLANES + 16) {
				for _, change := range []byte{1, 0x80, 0xff} {
					restore := poke(t, path, at, change)
					if m, err := maps.Open(path); err == nil {
						if !isFree(at) && (m.Spec() == spec || m.Spec().Size() != spec.Size()) {
							t.Errorf("byte %d changed by %#x: Go opens %v", at, change, m.Spec())
						}
						m.Close()
					}
					if change == 1 && at%2 == 0 || change == 0xff && at%4 == 3 || os.Getenv(torture) != "" {
						if _, ok := useAny(t, path); !ok {
							refused++
						}
					}
					restore()
				}
			}
			if refused == 0 {
				t.Error("C refused nothing")
			}
		})
	}
}

// filled makes a map with what can only be put into it from outside.
func filled(t *testing.T, spec maps.Spec) string {
	t.Helper()
	path := filepath.Join(shared(t), "o.m")
	var contents []byte
	if spec.Type == maps.ProgArray || spec.Inner != (maps.Inner{}) {
		contents = maps.References(map[uint32]string{1: "o.one", 4: "o.four"})
	}
	if err := maps.MakeFilled(path, spec, contents); err != nil {
		t.Fatal(err)
	}
	if spec.Type == maps.UserRingbuf {
		writeRecords(t, path, 3, 60, 16, 1, 8, 200)
	}
	return path
}

// useAny has a process do all that programs can do with a map; false: it was refused.
func useAny(t *testing.T, path string) (done int, ok bool) {
	t.Helper()
	out, err := exec.Command(build(t, "testdata/any.c", "-fno-strict-aliasing"), "-", path).CombinedOutput()
	said, rest, _ := strings.Cut(string(out), "\n")
	if err != nil {
		t.Errorf("%v: %q", err, out)
	}
	if said == "yes" && err == nil {
		if _, err := fmt.Sscan(rest, &done); err != nil {
			t.Errorf("%q: %v", out, err)
		}
	}
	return done, said == "yes"
}
