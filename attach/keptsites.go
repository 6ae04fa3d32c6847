package attach

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/syscallhook"
)

// siteList is all system calls of a module. The session keeps those of every build-id, since
// to find them takes ten times as long as all the rest: sites/BUILDID, which like all that
// is in the directory is its owner's.
func (c *compiler) siteList(m *elfsym.Module) ([]syscallhook.Site, error) {
	name := hex.EncodeToString(m.File.BuildID())
	path := filepath.Join(c.Dir, "sites", name)
	if b, err := os.ReadFile(path); err == nil && name != "" {
		if sites, err := syscallhook.Unmarshal(m.File, b); err == nil {
			return sites, nil
		}
	}
	sites, err := syscallhook.Find(m.File)
	if err == nil && name != "" {
		_ = keep(path, syscallhook.Marshal(sites)) // who cannot keep them does without
	}
	return sites, err
}

// keep leaves a file in a directory of the session, which comes into its place whole.
func keep(path string, b []byte) error {
	dir, name := filepath.Split(path)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
