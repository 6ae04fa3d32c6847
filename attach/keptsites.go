package attach

import (
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/session"
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
		_ = session.Keep(path, syscallhook.Marshal(sites)) // who cannot keep them does without
	}
	return sites, err
}
