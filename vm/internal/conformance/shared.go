package conformance

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Root is the directory of go.mod.
func Root(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}

// Shared is a file or directory in the folder "shared" beside the module. The
// test is skipped where it is missing.
func Shared(t testing.TB, path ...string) string {
	name := filepath.Join(append([]string{Root(t), "..", "shared"}, path...)...)
	if _, err := os.Stat(name); err != nil {
		t.Skipf("needs the public suites: %v", err)
	}
	return name
}

// hexBytes are bytes as a string of hex digits.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// hexWord is a number as a string, "0x1f".
type hexWord uint64

func (h *hexWord) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 0, 64)
	*h = hexWord(v)
	return err
}

// readLines reads a file of one JSON object a line.
func readLines[T any](t testing.TB, name string) []T {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []T
	for s := bufio.NewReader(f); ; {
		line, err := s.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return rows
		}
		var row T
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s:%d: %v", name, len(rows)+1, err)
		}
		rows = append(rows, row)
	}
}

// caseName makes a name fit for a subtest, and unique by its line.
func caseName(name string, line int) string {
	return fmt.Sprintf("%s_%d", strings.NewReplacer("/", "|", " ", "_").Replace(name), line)
}
