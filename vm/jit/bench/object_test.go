package bench

import (
	"debug/elf"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
)

// program is one source, compiled three ways.
type program struct {
	name   string
	memory string // file
	native string // shared object
	v      *proof.Verified
}

// build compiles every source of vmbench into dir.
func build(b *testing.B, sources, dir string) []program {
	command(b, dir, "python3", filepath.Join(sources, "gen.py"))
	files, err := filepath.Glob(filepath.Join(sources, "*.bpf.c"))
	if err != nil || len(files) == 0 {
		b.Fatalf("no sources in %s (%v)", sources, err)
	}
	var progs []program
	for _, file := range files {
		name := filepath.Base(file[:len(file)-len(".bpf.c")])
		p := program{
			name:   name,
			memory: filepath.Join(dir, "out", name+".mem"),
			native: filepath.Join(dir, name+".so"),
		}
		command(b, dir, "clang", "-O2", "-fno-vectorize", "-fno-slp-vectorize", "-fno-builtin", "-DMODE_NATIVE",
			"-shared", "-fPIC", "-o", p.native, file)
		object := filepath.Join(dir, name+".o")
		command(b, dir, "clang", "-target", "bpf", "-O2", "-fno-builtin", "-mcpu=v3", "-DMODE_USER", "-c", "-o", object, file)
		if p.v, err = load(object); err != nil {
			b.Fatal(err)
		}
		progs = append(progs, p)
	}
	return progs
}

func command(b *testing.B, dir, name string, args ...string) {
	if _, err := exec.LookPath(name); err != nil {
		b.Skipf("needs %s: %v", name, err)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// load reads the code of an object. clang has resolved calls inside of .text
// itself; there is nothing to relocate.
func load(object string) (*proof.Verified, error) {
	f, err := elf.Open(object)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Section(".rel.text") != nil {
		return nil, fmt.Errorf("%s: has relocations", object)
	}
	code, err := f.Section(".text").Data()
	if err != nil {
		return nil, err
	}
	return unverified.Load(code, vm.Options{})
}
