package x86

import (
	"debug/elf"
	"path/filepath"
	"testing"
)

// TestRelocateSweep moves the entry of every function that the swept binaries
// name, with windows for the usual patches, and checks every copy as
// FuzzRelocate does.
func TestRelocateSweep(t *testing.T) {
	for _, file := range sweepFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			moved, refused := 0, 0
			for _, code := range functions(t, file) {
				for _, need := range []int{5, 7, 14} {
					if moveEntry(t, code, need) {
						moved++
					} else {
						refused++
					}
				}
			}
			t.Logf("%d windows moved, %d refused or too short", moved, refused)
			if moved < 4*refused {
				t.Error("too few windows were moved")
			}
		})
	}
}

func moveEntry(t *testing.T, code []byte, need int) bool {
	n, err := Window(code, need)
	if err != nil {
		return false
	}
	m, err := Relocate(code[:n], goldenWindow)
	if err == nil {
		checkCopy(t, code[:n], m)
	}
	return err == nil
}

// functions returns the code of the functions in a file's symbol tables.
func functions(t *testing.T, file string) (all [][]byte) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := f.Section(".text")
	code, err := text.Data()
	if err != nil {
		t.Fatal(err)
	}
	symbols, _ := f.Symbols() // stripped files have none
	dynamic, _ := f.DynamicSymbols()
	seen := map[uint64]bool{}
	for _, s := range append(symbols, dynamic...) {
		off := s.Value - text.Addr
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || seen[off] || off >= uint64(len(code)) || s.Size > uint64(len(code))-off {
			continue
		}
		seen[off] = true
		all = append(all, code[off:off+s.Size])
	}
	return all
}
