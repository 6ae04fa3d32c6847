package syscallhook

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
)

// TestAgainstObjdump: in whole files no site is missed and none invented, and every mov
// of a number right before a syscall, in its function, is read as objdump reads it.
func TestAgainstObjdump(t *testing.T) {
	for _, c := range []struct {
		file   string
		sites  int // at least
		unseen int // at most so many in no function, and so not rewritten
		data   int // what objdump takes for a syscall amid constants
	}{
		{"/lib/x86_64-linux-gnu/libc.so.6", 400, 1, 0}, // clone3 ends its unwind data before its syscall
		{"/lib64/ld-linux-x86-64.so.2", 30, 0, 0},
		{"/usr/lib/x86_64-linux-gnu/libtsan.so.2", 40, 0, 0},
		{"/usr/lib/x86_64-linux-gnu/libcrypto.so.3", 0, 0, 1},
		{"/lib/ld-musl-x86_64.so.1", 200, 125, 0}, // no unwind data, and its local functions have no names
		{staticProgram(t), 50, 0, 0},
		{goProgram(t), 25, 0, 0},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			if _, err := os.Stat(c.file); err != nil {
				if os.Getenv("BPFTIME_REQUIRE_HOSTS") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			sites := find(t, open(t, c.file))
			want := objdump(t, c.file)
			if len(sites) < c.sites || len(sites)+c.data != len(want) {
				t.Errorf("%d sites, objdump has %d", len(sites), len(want))
			}
			unseen, tactics := 0, map[string]int{}
			for _, s := range sites {
				tactics[s.Tactic.String()]++
				if s.Func == (elfsym.Func{}) {
					unseen++
				}
				n, found := want[s.Vaddr]
				// The mov of clone ends the function before; outside of functions what
				// looks like a jump may bring another number.
				unsure := !s.Number.Known && (s.Vaddr == s.Func.Lo || s.Func == elfsym.Func{})
				if !found || n.Known && s.Number != n && !unsure {
					t.Errorf("%#x in %#x: number %v, objdump says %v (a syscall: %v)", s.Vaddr, s.Func.Lo, s.Number, n, found)
				}
				check(t, s)
			}
			if unseen > c.unseen {
				t.Errorf("%d sites in no function", unseen)
			}
			t.Logf("%d sites: %v", len(sites), tactics)
		})
	}
}

// check holds a site to what is true of all: a tactic or a reason, and enough room.
func check(t *testing.T, s Site) {
	t.Helper()
	need := uint64(jumpLen)
	if s.Tactic == Short {
		need = shortLen
	}
	switch {
	case s.Tactic == Trap:
		if s.Why == "" || s.Lo != 0 || s.Hi != 0 {
			t.Errorf("%+v", s)
		}
	case s.Why != "" || s.Hi < s.Lo+need || s.Vaddr < s.Lo || s.Vaddr+2 > s.Hi || s.Lo < s.Func.Lo || s.Hi > s.Func.Hi+maxLen:
		t.Errorf("%+v", s)
	}
}

// objdump lists the syscalls of a file, each with the number that a mov right before it
// sets.
func objdump(t *testing.T, file string) map[uint64]Number {
	t.Helper()
	cmd := exec.Command("objdump", "-d", "-w", "--no-show-raw-insn", file)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	sites, before := map[uint64]Number{}, ""
	for sc := bufio.NewScanner(out); sc.Scan(); {
		addr, text, found := strings.Cut(sc.Text(), ":\t")
		if !found {
			continue
		}
		if f := strings.Fields(text); len(f) > 0 && f[len(f)-1] == "syscall" {
			v, err := strconv.ParseUint(strings.TrimSpace(addr), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			sites[v] = printed(before)
		}
		before = text
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return sites
}

// printed reads "mov    $0x27,%eax".
func printed(text string) (n Number) {
	f := strings.Fields(text)
	if len(f) != 2 || f[0] != "mov" || !strings.HasPrefix(f[1], "$") {
		return n
	}
	value, register, _ := strings.Cut(f[1][1:], ",")
	if register != "%eax" && register != "%rax" {
		return n
	}
	v, err := strconv.ParseInt(value, 0, 64)
	return Number{int32(v), err == nil}
}

func staticProgram(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c, out := filepath.Join(dir, "static.c"), filepath.Join(dir, "static")
	if err := os.WriteFile(c, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("gcc", "-static", "-o", out, c).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return out
}

// goProgram is a static program of another compiler, and without unwind data.
func goProgram(t *testing.T) string {
	t.Helper()
	p, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	if p, err = filepath.EvalSymlinks(p); err != nil {
		t.Fatal(err)
	}
	return p
}
