package maps_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
)

// TestModel: tasks that share a map go on in turn behind every access, as seeds have it, and are killed anywhere. No node is
// lost or in two places, none changes sides between those for entries and the spare ones, and nobody is told that a map is
// full that has room. testdata/model.c prints the seed of what it finds, and everything that happens with TRACE=1.
func TestModel(t *testing.T) {
	first, seeds := uint32(1), 300
	if os.Getenv(torture) != "" {
		first, seeds = rand.Uint32(), 30_000
	}
	program := buildModel(t)
	for what, spec := range map[string]maps.Spec{
		"queue": {Type: maps.Queue}, "stack": {Type: maps.Stack}, "hash": {Type: maps.Hash, KeySize: 8},
		"fill": {Type: maps.Hash, KeySize: 8}, "lru": {Type: maps.LRUHash, KeySize: 8},
	} {
		for _, mode := range []string{what, what + "!"} {
			for entries := uint32(1); entries <= 3; entries++ {
				t.Run(fmt.Sprint(mode, entries), func(t *testing.T) {
					spec := spec
					spec.ValueSize, spec.MaxEntries, spec.Flags = 32, entries, maps.ZeroSeed
					c := exec.Command(program, makeMap(t, spec), mode, fmt.Sprint(entries), fmt.Sprint(first), fmt.Sprint(seeds))
					if out, err := c.CombinedOutput(); err != nil {
						t.Errorf("%v: %v\n%s", c.Args, err, out)
					}
				})
			}
		}
	}
}

// buildModel compiles the map code into the program, with memory accesses that others see.
func buildModel(t *testing.T) string {
	t.Helper()
	const native = "../../internal/native/"
	program := filepath.Join(t.TempDir(), "model")
	c := exec.Command("gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-I../../internal/abi", "-I"+native, "-Itestdata", "-o", program,
		"testdata/model.c", native+"map_check.c", native+"map_ringbuf.c", native+"map_recorder.c", native+"map_refer.c")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
