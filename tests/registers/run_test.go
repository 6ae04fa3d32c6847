package registers

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// registers are struct pt_regs as a program of testdata kept it.
type registers struct {
	R                        [15]uint64 // r15 to rdi
	OrigRAX, RIP, CS, Eflags uint64
	RSP, SS                  uint64
}

// A state is what testdata/host.c notes before and after a site.
type state struct {
	R               [15]uint64
	RSP, RIP, Flags uint64
	XMM             [256]byte
	Below           [128]byte
	Above           [256]byte
}

// pair is one round.
type pair struct{ Before, After state }

// arithmetic are the flags that a program sees: OF SF ZF AF PF CF.
const arithmetic = 0x8d5

// program builds testdata/host.c, once.
func program(t testing.TB) string {
	t.Helper()
	out := filepath.Join(host.BinDir(t), "registers-host")
	if _, err := os.Stat(out); err != nil {
		run(t, "gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-pie", "-no-pie", "-rdynamic", "-o", out, "testdata/host.c", "testdata/sites.S", "-ldl")
	}
	return out
}

// object compiles testdata/NAME.bpf.c, once.
func object(t testing.TB, name string) string {
	t.Helper()
	host.Require(t, "clang")
	out := filepath.Join(host.BinDir(t), name+".bpf.o")
	if _, err := os.Stat(out); err == nil {
		return out
	}
	machine, err := exec.Command("gcc", "-dumpmachine").Output()
	if err != nil {
		t.Fatal(err)
	}
	run(t, "clang", "-target", "bpf", "-D__TARGET_ARCH_x86", "-O2", "-g", "-Wall", "-Werror", "-I/usr/include/"+strings.TrimSpace(string(machine)),
		"-c", filepath.Join("testdata", name+".bpf.c"), "-o", out)
	return out
}

func run(t testing.TB, command string, args ...string) {
	t.Helper()
	if out, err := exec.Command(command, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", fmt.Sprint(command, args), err, out)
	}
}

// offset is how far point at_NAME is in site_NAME.
func offset(t testing.TB, name string) uint64 {
	t.Helper()
	return symbol(t, "at_"+name) - symbol(t, "site_"+name)
}

func symbol(t testing.TB, name string) uint64 {
	t.Helper()
	f, err := elf.Open(program(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("no symbol %s", name)
	return 0
}

// rounds runs the host without probes and with, and returns what it noted.
func rounds(t *testing.T, tr *host.Trace, name string, n int, args ...string) (plain, traced []pair) {
	t.Helper()
	c := host.Cmd{Args: append([]string{program(t), "rounds", "at_" + name, fmt.Sprint(n), "1"}, args...), Dir: host.WorkDir(t)}
	c.After = func(t testing.TB, dir string) any { return read(t, filepath.Join(dir, "rounds")) }
	p, q := host.Run(t, c, nil), host.Run(t, c, tr)
	if p.Exit != 0 || q.Exit != 0 || q.Signal != 0 || p.Stderr+q.Stderr != "" {
		t.Fatalf("plain: %d %s; traced: %d %v %s; the log:\n%s", p.Exit, p.Stderr, q.Exit, q.Signal, q.Stderr, strings.Join(tr.Log(t), "\n"))
	}
	plain, traced = p.After.([]pair), q.After.([]pair)
	if len(plain) != n || len(traced) != n {
		t.Fatalf("%d and %d rounds", len(plain), len(traced))
	}
	return plain, traced
}

func read(t testing.TB, path string) (out []pair) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out = make([]pair, len(b)/binary.Size(pair{}))
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// same compares what was there after the site. The stack is elsewhere each time.
func same(t *testing.T, plain, traced []pair) {
	t.Helper()
	for i := range plain {
		p, q := plain[i].After, traced[i].After
		p.RSP, q.RSP = p.RSP-plain[i].Before.RSP, q.RSP-traced[i].Before.RSP
		if p != q {
			t.Fatalf("round %d, after the site:%s", i, difference(q, p))
		}
	}
}

func difference(got, want any) (out string) {
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if a, b := g.Field(i).Interface(), w.Field(i).Interface(); a != b {
			out += fmt.Sprintf("\n%s is %x, want %x", g.Type().Field(i).Name, a, b)
		}
	}
	return out
}

// seen are the registers that the programs of a map were given, in order.
func seen(t *testing.T, tr *host.Trace, name string, n int) []registers {
	t.Helper()
	m, err := maps.Open(filepath.Join(tr.Path(), "maps", name))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	out := make([]registers, n)
	if err := binary.Read(bytes.NewReader(m.Memory()[abi.MAP_DATA_OFF:]), binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// given compares what a program was given with what was there before the site.
func given(t *testing.T, traced []pair, got []registers, rip uint64) {
	t.Helper()
	for i, p := range traced {
		want := registers{R: p.Before.R, OrigRAX: ^uint64(0), RIP: rip, CS: 0x33, Eflags: p.Before.Flags&arithmetic | 0x202, RSP: p.Before.RSP, SS: 0x2b}
		if got[i] != want {
			t.Fatalf("round %d, what the program was given:%s", i, difference(got[i], want))
		}
	}
}
