package attach

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/session"
)

// keepTypes leaves the object's BTF in the session, `btf/OBJECT`, for who reads its
// maps and records. It comes into its place whole, instead of that of an object
// that was compiled earlier; a process that does without is traced all the same.
func (l *loaded) keepTypes() {
	if l.c.Late {
		return
	}
	if err := l.writeTypes(filepath.Join(l.c.Dir, "btf"), l.name); err != nil {
		l.c.Log(abi.LEVEL_WARN, fmt.Sprintf("%s: its types cannot be kept, maps are shown without: %v", l.name, err))
	}
}

func (l *loaded) writeTypes(dir, name string) error {
	raw, err := l.spec.MarshalBTF()
	if err != nil || raw == nil {
		return err
	}
	path := filepath.Join(dir, name)
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, raw) {
		return nil
	}
	return session.Keep(path, raw)
}
