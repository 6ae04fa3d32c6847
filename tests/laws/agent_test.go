package laws

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

func openAgent(t *testing.T) *elf.File {
	t.Helper()
	needsAgent(t)
	f, err := elf.Open(host.Agent(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestSegments: no segment is writable and executable, nor the stack; what the dynamic linker has written it closes again.
func TestSegments(t *testing.T) {
	f := openAgent(t)
	seen := map[elf.ProgType]int{}
	for _, p := range f.Progs {
		seen[p.Type]++
		if p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0 {
			t.Errorf("segment %v at %#x is %v", p.Type, p.Vaddr, p.Flags)
		}
		if p.Type == elf.PT_GNU_STACK && p.Flags&elf.PF_X != 0 {
			t.Error("it asks for an executable stack, and would get it for the whole process")
		}
	}
	for _, want := range []elf.ProgType{elf.PT_GNU_STACK, elf.PT_GNU_RELRO, elf.PT_GNU_EH_FRAME} {
		if seen[want] != 1 {
			t.Errorf("%d segments %v, want one", seen[want], want)
		}
	}
	if n := len(f.Sections); n == 0 || f.Section(".debug_info") != nil || f.Section(".symtab") != nil {
		t.Errorf("%d sections; want some, and none for debugging", n)
	}
}

// TestThreadLocal: law 5. At most 64 bytes of TLS, by the initial-exec model: no call of __tls_get_addr, which allocates.
func TestThreadLocal(t *testing.T) {
	f := openAgent(t)
	for _, p := range f.Progs {
		if p.Type == elf.PT_TLS && (p.Memsz > 64 || p.Filesz != 0) {
			t.Errorf("TLS of %d bytes, %d of them with a value; at most 64 and 0", p.Memsz, p.Filesz)
		}
	}
	for kind, n := range relocations(t, f) {
		switch kind {
		case elf.R_X86_64_DTPMOD64, elf.R_X86_64_DTPOFF64, elf.R_X86_64_TLSDESC:
			t.Errorf("%d relocations %v: not initial-exec", n, kind)
		}
	}
	for _, s := range imported(t, f) {
		if s == "__tls_get_addr" {
			t.Error("it calls __tls_get_addr")
		}
	}
}

// relocations counts what is left to the dynamic linker, by kind.
func relocations(t *testing.T, f *elf.File) map[elf.R_X86_64]int {
	t.Helper()
	n := map[elf.R_X86_64]int{}
	for _, name := range []string{".rela.dyn", ".rela.plt"} {
		s := f.Section(name)
		if s == nil {
			t.Fatalf("no %s", name)
		}
		b, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		for ; len(b) >= 24; b = b[24:] {
			n[elf.R_X86_64(elf.R_TYPE64(binary.LittleEndian.Uint64(b[8:])))]++
		}
	}
	return n
}

// TestRelocations: each is work in every process that inherits LD_PRELOAD, and a page of its own. IRELATIVE would call
// code of ours before the gate.
func TestRelocations(t *testing.T) {
	n := relocations(t, openAgent(t))
	total := 0
	for kind, count := range n {
		total += count
		switch kind {
		case elf.R_X86_64_RELATIVE, elf.R_X86_64_GLOB_DAT, elf.R_X86_64_JMP_SLOT, elf.R_X86_64_TPOFF64:
		default:
			t.Errorf("%d relocations %v: what does that do in a host?", count, kind)
		}
	}
	const most = 2500
	if total > most {
		t.Errorf("%d relocations, at most %d; was internal/postlink run?", total, most)
	}
	t.Logf("%v", n)
}

// TestNeeds: libc and nothing else is loaded because of the agent, and all of it is bound at once: a hit never enters
// the dynamic linker.
func TestNeeds(t *testing.T) {
	f := openAgent(t)
	if libs, err := f.ImportedLibraries(); err != nil || !slices.Equal(libs, []string{"libc.so.6"}) {
		t.Errorf("needs %q, %v; want libc.so.6 alone", libs, err)
	}
	if flags := dynamic(t, f, elf.DT_FLAGS); elf.DynFlag(flags)&elf.DF_BIND_NOW == 0 || elf.DynFlag(flags)&elf.DF_TEXTREL != 0 {
		t.Errorf("DT_FLAGS %v; want BIND_NOW and no TEXTREL", elf.DynFlag(flags))
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_PREINIT_ARRAY, elf.DT_TEXTREL, elf.DT_DEBUG, elf.DT_AUXILIARY, elf.DT_FILTER} {
		if v, err := f.DynValue(tag); err == nil && len(v) > 0 {
			t.Errorf("%v is there: %#x", tag, v)
		}
	}
}

func dynamic(t *testing.T, f *elf.File, tag elf.DynTag) uint64 {
	t.Helper()
	v, err := f.DynValue(tag)
	if err != nil || len(v) != 1 {
		t.Fatalf("%v: %#x, %v", tag, v, err)
	}
	return v[0]
}

func imported(t *testing.T, f *elf.File) (names []string) {
	t.Helper()
	list, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

// TestConstructors: what runs in every process that loads the agent is crti's _init, gcc's frame_dummy, and the gate. Go's
// start stands behind the end of the array, where only the compiler's process finds it.
func TestConstructors(t *testing.T) {
	f := openAgent(t)
	array, size := dynamic(t, f, elf.DT_INIT_ARRAY), dynamic(t, f, elf.DT_INIT_ARRAYSZ)
	if size != 2*8 {
		t.Errorf("%d constructors, want 2", size/8)
	}
	s := f.Section(".init_array")
	if s.Addr != array || s.Size != 3*8 {
		t.Fatalf(".init_array is at %#x with %d bytes, DT_INIT_ARRAY %#x; want 24 bytes there", s.Addr, s.Size, array)
	}
	entries, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	var first []byte // opcodes
	for i := range 3 {
		first = append(first, at(t, f, binary.LittleEndian.Uint64(entries[8*i:]), 1)...)
	}
	if first[2] != 0xe9 {
		t.Errorf("the entry behind the array begins with %#x; Go's start is a jump, e9", first[2])
	}
	if first[0] == 0xe9 && first[1] == 0xe9 {
		t.Error("both constructors are jumps; the gate is none")
	}
	start := binary.LittleEndian.Uint64(entries[16:])
	deferred := f.Section(".bpftime_deferred")
	if deferred == nil {
		t.Fatal("no .bpftime_deferred")
	}
	if b, err := deferred.Data(); err != nil || len(b) < 24 || binary.LittleEndian.Uint64(b[16:]) != start {
		t.Errorf(".bpftime_deferred does not name Go's start %#x: %x %v", start, b, err)
	}
}

// TestInit: what crti and gcc put around the constructors is what they always do, and nothing else.
func TestInit(t *testing.T) {
	f := openAgent(t)
	if lo, _ := section(t, host.Agent(t), ".init"); dynamic(t, f, elf.DT_INIT) != lo {
		t.Errorf("DT_INIT is not .init")
	}
	for _, c := range []struct{ section, want string }{
		{".init", "sub mov test je call add ret"}, // call __gmon_start__ where there is one: a profiled host
		{".fini", "sub add ret"},
	} {
		var names []string
		for _, i := range disassemble(t, "-d", "-j", c.section, host.Agent(t)) {
			names = append(names, i.name)
		}
		if got := strings.TrimPrefix(strings.Join(names, " "), "endbr64 "); got != c.want {
			t.Errorf("%s is %q, want %q", c.section, got, c.want)
		}
	}
	if n := dynamic(t, f, elf.DT_FINI_ARRAYSZ); n != 8 {
		t.Errorf("%d destructors, want gcc's own", n/8)
	}
}

// at reads bytes of the file by address.
func at(t *testing.T, f *elf.File, addr uint64, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && addr >= p.Vaddr && addr+uint64(n) <= p.Vaddr+p.Filesz {
			if _, err := p.ReadAt(b, int64(addr-p.Vaddr)); err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	t.Fatalf("%#x is in no segment", addr)
	return nil
}

// exports are the symbols that others may find in the agent. Nobody calls it by name, and a preloaded library stands
// before all others in the search: a name that it exports replaces the host's own.
var exports = map[string]string{}

func TestExports(t *testing.T) {
	f := openAgent(t)
	list, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var unmeant []string
	for _, s := range list {
		visible := elf.ST_VISIBILITY(s.Other) == elf.STV_DEFAULT || elf.ST_VISIBILITY(s.Other) == elf.STV_PROTECTED
		if _, meant := exports[s.Name]; s.Section != elf.SHN_UNDEF && visible && elf.ST_BIND(s.Info) != elf.STB_LOCAL && !meant {
			unmeant = append(unmeant, s.Name)
		}
	}
	if len(unmeant) > 0 {
		t.Errorf("exports that nobody is meant to find: %q", unmeant)
	}
}

// TestNamesOfTheHost: a host whose library defines a function that Go's runtime for C has too goes on calling its own.
func TestNamesOfTheHost(t *testing.T) {
	needsAgent(t)
	lib := host.Plugin(t, "../laws/testdata/names.c", "libnames.so", "-DLIBRARY")
	program := host.Build(t, "gcc", "names", "../laws/testdata/names.c", lib)
	const want = "the library's own\n"
	idle := host.Cmd{Args: []string{program}, Dir: host.WorkDir(t), Env: []string{"LD_PRELOAD=" + host.Agent(t)}}
	if got := host.Run(t, idle, nil); got.Stdout != want {
		t.Errorf("with nothing to do: exit %d signal %v stdout %q stderr %q, want %q", got.Exit, got.Signal, got.Stdout, got.Stderr, want)
	}
	host.Compare(t, host.Cmd{Args: []string{program}, Dir: host.WorkDir(t)}, host.Of("uprobe/libc:malloc"))
}

// TestGlibc: what the agent needs of libc is old enough for the systems it is for.
func TestGlibc(t *testing.T) {
	f := openAgent(t)
	list, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		var minor int
		if _, err := fmt.Sscanf(s.Version, "GLIBC_2.%d", &minor); s.Version != "" && (err != nil || minor > 34) {
			t.Errorf("%s needs %s", s.Name, s.Version)
		}
	}
}

// TestFinished: an agent that postlink has not seen works too, but starts slower; this one was seen.
func TestFinished(t *testing.T) {
	f := openAgent(t)
	b, err := f.Section(".bpftime_deferred").Data()
	if err != nil || len(b) < 24 || binary.LittleEndian.Uint64(b) == 0 || binary.LittleEndian.Uint64(b[8:]) == 0 {
		t.Errorf("postlink was not run on %s: %x %v", host.Agent(t), b, err)
	}
	if header := strings.TrimSuffix(host.Agent(t), ".so") + ".h"; filepath.Dir(header) == filepath.Join(host.Root(t), "build") {
		if _, err := os.Stat(header); err == nil {
			t.Errorf("%s lies beside the agent: nobody calls it by name", header)
		}
	}
}
