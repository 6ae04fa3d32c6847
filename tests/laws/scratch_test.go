package laws

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestScratchIsLast: what internal/postlink cuts off the agent's memory is the
// scratch memory of Go's FIPS mode, whole, and nothing else.
func TestScratchIsLast(t *testing.T) {
	const name, size = "crypto/internal/fips140/drbg.memory", 32 << 20
	agent := filepath.Join(t.TempDir(), "agent.so")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", agent, "../../preload")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elf.Open(agent)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	bss := f.Section(".noptrbss")
	for _, s := range symbols {
		if s.Name == name && (s.Size != size || s.Value+s.Size != bss.Addr+bss.Size) {
			t.Errorf("%s has %#x bytes at %#x, and .noptrbss ends at %#x", name, s.Size, s.Value, bss.Addr+bss.Size)
		}
	}
	if memory := loaded(t, host.Agent(t)); memory > 16<<20 {
		t.Errorf("the finished agent takes %d MiB of address space", memory>>20)
	}
}

// loaded is the size of all that a loader maps of a file.
func loaded(t *testing.T, path string) (n uint64) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			n = max(n, p.Vaddr+p.Memsz)
		}
	}
	return n
}
