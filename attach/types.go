package attach

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// keepTypes leaves the object's BTF in the session, `btf/OBJECT`, for who reads its
// maps and records. It comes into its place whole; a process that does without is
// traced all the same.
func (l *loaded) keepTypes() {
	if l.c.Late {
		return
	}
	if err := l.writeTypes(filepath.Join(l.c.Dir, "btf"), l.name); err != nil {
		l.c.Log(abi.LEVEL_WARN, fmt.Sprintf("%s: its types cannot be kept, maps are shown without: %v", l.name, err))
	}
}

func (l *loaded) writeTypes(dir, name string) error {
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	raw, err := l.spec.MarshalBTF()
	if err != nil || raw == nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
