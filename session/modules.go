package session

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Module says where a file lay in a process when it was started. Stacks are
// addresses; by this they are names when the process is gone.
type Module struct {
	Lo, Hi  uint64
	Bias    uint64 // address - virtual address in the file
	BuildID []byte
	Path    string
}

// What processes leave is bounded: each has a file by the end of its number, and a
// later one with the same end writes over it.
const (
	keptModules = 1024
	maxModules  = 1 << 20 // bytes of a file
)

// KeepModules writes the modules of a process.
func KeepModules(dir string, pid int, list []Module) error {
	return Keep(modulesFile(dir, pid), describe(list))
}

// AddModules adds modules to those that the process has left, as far as there is room.
func AddModules(dir string, pid int, list []Module) error {
	path := modulesFile(dir, pid)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("session: %w", err)
	}
	all := append(before, describe(list)...)
	if len(all) > maxModules {
		return fmt.Errorf("session: the modules of process %d take more than %d bytes", pid, maxModules)
	}
	return Keep(path, all)
}

func describe(list []Module) []byte {
	var b bytes.Buffer
	for _, m := range list {
		if !strings.ContainsRune(m.Path, '\n') {
			fmt.Fprintf(&b, "%x %x %x -%x %s\n", m.Lo, m.Hi, m.Bias, m.BuildID, m.Path)
		}
	}
	return b.Bytes()
}

func modulesFile(dir string, pid int) string {
	return filepath.Join(dir, "modules", fmt.Sprint(pid%keptModules))
}

// Modules are those of all processes that left them. What is no list is passed over.
func Modules(dir string) (all []Module) {
	entries, _ := os.ReadDir(filepath.Join(dir, "modules"))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxModules || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		b, _ := os.ReadFile(filepath.Join(dir, "modules", e.Name()))
		for line := range strings.Lines(string(b)) {
			if m, ok := parseModule(strings.TrimSuffix(line, "\n")); ok {
				all = append(all, m)
			}
		}
	}
	return all
}

func parseModule(line string) (m Module, ok bool) {
	words := strings.SplitN(line, " ", 5)
	if len(words) != 5 || !strings.HasPrefix(words[3], "-") {
		return m, false
	}
	for i, to := range []*uint64{&m.Lo, &m.Hi, &m.Bias} {
		if _, err := fmt.Sscanf(words[i], "%x", to); err != nil {
			return m, false
		}
	}
	id, err := hex.DecodeString(words[3][1:])
	m.BuildID, m.Path = id, words[4]
	return m, err == nil && m.Lo < m.Hi
}
