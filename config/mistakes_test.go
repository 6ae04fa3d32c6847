package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each file of testdata/mistakes is a manifest, a line of five '=' and what must be said about it.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.txt")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, want := readMistake(t, file)
			m, err := Parse("trace.yaml", "/etc/bpftime", []byte(text))
			if err == nil {
				t.Fatalf("accepted as %+v", m)
			}
			if got := err.Error() + "\n"; got != want {
				t.Errorf("says\n%swant\n%s", got, want)
			}
		})
	}
}

func readMistake(t *testing.T, file string) (text, want string) {
	all, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, want, found := strings.Cut(string(all), "=====\n")
	if !found {
		t.Fatal("no line of five '='")
	}
	return text, want
}
