package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/elfsym"
)

// libraryDirs are where distributions keep libraries.
var libraryDirs = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"}

// findBinary is the file that a name means: a path, a program in PATH, or a library by
// its name or stem, as in specifications. Something of that name in the working
// directory that is no ELF file is not meant where PATH has a program.
func findBinary(name string) (string, error) {
	_, err := os.Stat(name)
	if strings.Contains(name, "/") || err == nil && isELF(name) {
		return name, err
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path := library(name); path != "" {
		return path, nil
	}
	if err == nil {
		return name, nil
	}
	return "", fmt.Errorf("%s: no such file, no program in PATH, and no library in %s", name, strings.Join(libraryDirs, ", "))
}

// library finds a library by its name or stem.
func library(name string) string {
	for _, dir := range libraryDirs {
		for _, pattern := range []string{name, name + ".so", name + ".so.*"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			if i := slices.IndexFunc(found, isELF); i >= 0 {
				return found[i]
			}
		}
	}
	return ""
}

// isELF tells a library from the linker script that often has its name.
func isELF(path string) bool {
	f, err := elfsym.Open(path)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// explain says what the file at path is instead of a program or a library for x86-64,
// and what to check in its place. name is what the user wrote.
func explain(name, path string, err error) error {
	if !errors.Is(err, elfsym.ErrFormat) {
		return err
	}
	if what := whatIs(path); what != "" {
		return fmt.Errorf("%s: %s%s", path, what, elsewhere(name, path))
	}
	return err
}

// elsewhere names an ELF program of that name further on in PATH, which the file at
// path hides: wrappers like those of pyenv do.
func elsewhere(name, path string) string {
	if strings.Contains(name, "/") {
		return ""
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if file := filepath.Join(dir, name); file != path && isELF(file) {
			return fmt.Sprintf("; %s is one", file)
		}
	}
	return ""
}

// headLen is as much of a file as says what it is.
const headLen = 256

func whatIs(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "a directory; name the programs and libraries in it"
	}
	head := make([]byte, headLen)
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	n, _ := io.ReadFull(f, head)
	switch head = head[:n]; {
	case n == 0:
		return "the file is empty"
	case bytes.HasPrefix(head, []byte("#!")):
		return fmt.Sprintf("a script of %s; check the program that it starts, or its interpreter", interpreter(head))
	case bytes.HasPrefix(head, []byte("!<arch>\n")), bytes.HasPrefix(head, []byte("!<thin>\n")):
		return "an archive of object files; check the program that they are linked into"
	case bytes.HasPrefix(head, []byte("/* GNU ld script")):
		return "a script for the linker; check the library that it names"
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return whatELF(f)
	}
	return ""
}

// interpreter is what the first line of a script says.
func interpreter(head []byte) string {
	line, _, _ := strings.Cut(string(head[len("#!"):]), "\n")
	return strings.Join(strings.Fields(line), " ")
}

// whatELF names the kinds of ELF files that are no programs for this machine.
func whatELF(r io.ReaderAt) string {
	f, err := elf.NewFile(r)
	if err != nil {
		return ""
	}
	switch {
	case f.Machine == elf.EM_BPF:
		return "an object with eBPF programs, which are attached to others; see bpftime prog verify"
	case f.Class == elf.ELFCLASS32 && (f.Machine == elf.EM_386 || f.Machine == elf.EM_X86_64):
		return "32-bit code; only 64-bit x86-64 programs can be traced"
	case f.Machine != elf.EM_X86_64:
		return fmt.Sprintf("code for %s; only x86-64 programs can be traced", strings.TrimPrefix(f.Machine.String(), "EM_"))
	case f.Type == elf.ET_REL && f.Section(".modinfo") != nil:
		return "a kernel module; the kernel's own eBPF traces it"
	case f.Type == elf.ET_REL:
		return "an object file that is not linked; check the program or library that it becomes part of"
	case f.Type == elf.ET_CORE:
		return "a core dump; check the program that it was written by"
	}
	return ""
}
