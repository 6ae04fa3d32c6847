package x86

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRelocateRuns moves the first instructions of every function of a C and
// assembly program, and lets the program itself compare what its functions
// return before and after: see testdata/exec/main.c.
func TestRelocateRuns(t *testing.T) {
	// The assembly has 83 functions; how many the C has depends on inlining.
	const atLeast = 105
	for _, flags := range []string{
		"-O0", "-O1", "-O2 -fcf-protection=full", "-O3 -march=native", "-Os -fomit-frame-pointer",
	} {
		t.Run(flags, func(t *testing.T) {
			dir := t.TempDir()
			program := buildVictims(t, dir, strings.Fields(flags))
			lines := moveFunctions(t, program)
			if len(lines) < atLeast {
				t.Errorf("%d functions can be moved, %d expected", len(lines), atLeast)
			}
			patches := filepath.Join(dir, "patches")
			if err := os.WriteFile(patches, []byte(strings.Join(lines, "")), 0o600); err != nil {
				t.Fatal(err)
			}
			runVictims(t, program, patches, len(lines))
		})
	}
}

// runVictims runs the program, which must end: a wrong copy may well loop.
func runVictims(t *testing.T, program, patches string, moved int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, patches).CombinedOutput()
	t.Logf("%s", out)
	if want := fmt.Sprintf("%d functions moved\n", moved); err != nil || string(out) != want {
		t.Errorf("%v", err)
	}
}

// buildVictims puts the functions to move into a section of their own pages.
func buildVictims(t *testing.T, dir string, flags []string) string {
	t.Helper()
	src := "testdata/exec/"
	flags = append(flags, "-Wall", "-Wextra", "-Werror", "-fPIE", "-fno-reorder-functions", "-fno-reorder-blocks-and-partition")
	victims, hazards, program := filepath.Join(dir, "victims.o"), filepath.Join(dir, "hazards.o"), filepath.Join(dir, "program")
	run(t, "gcc", append(flags, "-c", "-o", victims, src+"victims.c")...)
	run(t, "gcc", "-c", "-o", hazards, src+"hazards.S")
	for _, o := range []string{victims, hazards} {
		run(t, "objcopy", "--rename-section", ".text=victims", "--set-section-alignment", ".text=4096", o)
	}
	run(t, "gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-pie", "-fPIE", "-o", program, src+"main.c", victims, hazards)
	return program
}

// moveFunctions returns a line of the patch file for every function of the
// section victims that can be moved. Those of hazards.S, which are global, all
// can; compilers write some that cannot.
func moveFunctions(t *testing.T, program string) (lines []string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section := f.Section("victims")
	text, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || f.Sections[s.Section&0xff] != section {
			continue
		}
		off := s.Value - section.Addr
		line, err := moveFunction(text[off:off+s.Size], s.Value)
		switch {
		case err == nil:
			lines = append(lines, line)
		case elf.ST_BIND(s.Info) == elf.STB_GLOBAL:
			t.Errorf("%s: %v", s.Name, err)
		default:
			t.Logf("%s: %v", s.Name, err)
		}
	}
	return lines
}

func moveFunction(code []byte, addr uint64) (string, error) {
	n, err := Window(code, 5)
	if err != nil {
		return "", err
	}
	if err := branchesInto(code, addr, n); err != nil {
		return "", err
	}
	m, err := Relocate(code[:n], addr)
	if err != nil {
		return "", err
	}
	falls := 0
	if m.FallsThrough {
		falls = 1
	}
	line := fmt.Sprintf("%x %d %d %x %d", addr, n, falls, m.Code, len(m.Fixups))
	for _, f := range m.Fixups {
		line += fmt.Sprintf(" %d %d %x %d", f.At, f.Kind, f.Target, f.Tail)
	}
	return line + "\n", nil
}

// branchesInto finds a branch from behind the window into its overwritten
// bytes, which Relocate cannot see.
func branchesInto(code []byte, addr uint64, window int) error {
	for off := window; off < len(code); {
		inst, err := Decode(code[off:])
		if err != nil {
			return err
		}
		target, ok := inst.Target(code[off:], addr+uint64(off))
		if d := target - addr; ok && d > 0 && d < uint64(window) {
			return fmt.Errorf("offset %d branches to offset %d", off, d)
		}
		off += inst.Len
	}
	return nil
}
