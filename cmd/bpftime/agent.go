package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// agentVar names the agent where it does not lie beside the command.
const agentVar = "BPFTIME_AGENT"

const agentName = "libbpftime-agent.so"

// findAgent returns the absolute path of the agent, which must be one that a dynamic
// linker can load.
func findAgent() (string, error) {
	path, err := agentPath()
	if err != nil {
		return "", err
	}
	f, err := elf.Open(path)
	switch {
	case os.IsNotExist(err):
		return "", fmt.Errorf("no agent at %s: build it with ./build.sh, or set %s to its path", path, agentVar)
	case err != nil:
		return "", fmt.Errorf("the agent cannot be read: %w", err)
	}
	defer f.Close()
	if f.Type != elf.ET_DYN || f.Machine != elf.EM_X86_64 {
		return "", fmt.Errorf("%s is no agent: %v for %v", path, f.Type, f.Machine)
	}
	if strings.ContainsAny(path, " :") {
		return "", fmt.Errorf("LD_PRELOAD cannot name %q, blanks and colons separate its entries: copy the agent elsewhere and set %s", path, agentVar)
	}
	return path, nil
}

func agentPath() (string, error) {
	if path := os.Getenv(agentVar); path != "" {
		return filepath.Abs(path)
	}
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("finding the agent beside this command: %w; set %s", err, agentVar)
	}
	return filepath.Join(filepath.Dir(self), agentName), nil
}
