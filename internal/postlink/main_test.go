package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func gcc(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("gcc", append([]string{"-Wall", "-Wextra", "-Werror"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// fake builds an agent of a few functions, with the real reader of what postlink
// leaves.
func fake(t testing.TB, flags ...string) string {
	t.Helper()
	so := filepath.Join(t.TempDir(), "agent.so")
	gcc(t, append([]string{"-shared", "-fPIC", "-O1", "-I../abi", "-I../native", "-Wl,-z,now", "-Wl,-Bsymbolic", "-o", so,
		"testdata/agent.c", "testdata/fake.S", "../../preload/deferred.c"}, flags...)...)
	return so
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func postlink(t *testing.T, path string) (deferred, kept int) {
	t.Helper()
	deferred, kept, err := finish(path)
	if err != nil {
		t.Fatal(err)
	}
	return deferred, kept
}

// load is what testdata/host.c prints of an agent.
func load(t *testing.T, so string) string {
	t.Helper()
	host := filepath.Join(t.TempDir(), "host")
	gcc(t, "-o", host, "testdata/host.c", "-ldl")
	out, err := exec.Command(host, so).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestFinish: a host that loads a finished agent runs its constructors but Go's,
// and relocates what is not Go's; the rest is done by the compiler.
func TestFinish(t *testing.T) {
	so := fake(t)
	const before = "loaded: constructed 1, started 1, relocated 0x1f\n" +
		"then: constructed 1, started 1, relocated 0x1f\n"
	if got := load(t, so); got != before {
		t.Errorf("not finished:\n%swant\n%s", got, before)
	}
	total := relocations(t, so)
	deferred, kept := postlink(t, so)
	const after = "loaded: constructed 1, started 0, relocated 0x18\n" +
		"then: constructed 1, started 1, relocated 0x1f\n"
	if got := load(t, so); got != after {
		t.Errorf("finished:\n%swant\n%s", got, after)
	}
	if deferred != 6 || deferred+kept != total || relocations(t, so) != kept {
		t.Errorf("%d relocations were %d; %d deferred and %d kept, want 6 deferred", total, relocations(t, so), deferred, kept)
	}
}

// relocations is how many entries .rela.dyn has, by its section header.
func relocations(t *testing.T, so string) int {
	t.Helper()
	f, err := elf.Open(so)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(".rela.dyn")
	for tag, want := range map[elf.DynTag]uint64{elf.DT_RELA: s.Addr, elf.DT_RELASZ: s.Size} {
		if v, err := f.DynValue(tag); err != nil || len(v) != 1 || v[0] != want {
			t.Errorf("%v is %#x, .rela.dyn says %#x (%v)", tag, v, want, err)
		}
	}
	if s.Addr != s.Offset {
		t.Errorf(".rela.dyn lies at %#x in the file, at %#x in memory: the first segment has both alike", s.Offset, s.Addr)
	}
	return int(s.Size / relaSize)
}

// TestNothingElseChanges: size, mode and every byte outside of the table, its two
// descriptions and the note.
func TestNothingElseChanges(t *testing.T) {
	so := fake(t)
	if err := os.Chmod(so, 0o640); err != nil {
		t.Fatal(err)
	}
	before := read(t, so)
	postlink(t, so)
	after := read(t, so)
	info, err := os.Stat(so)
	if err != nil || info.Mode().Perm() != 0o640 || len(after) != len(before) {
		t.Fatalf("%v, mode %v, %d bytes of %d", err, info.Mode(), len(after), len(before))
	}
	f, err := elf.NewFile(bytes.NewReader(before))
	if err != nil {
		t.Fatal(err)
	}
	allowed := func(at uint64) bool {
		for _, name := range []string{".rela.dyn", ".dynamic", ".bpftime_deferred"} {
			if s := f.Section(name); at-s.Offset < s.Size {
				return true
			}
		}
		shoff := binary.LittleEndian.Uint64(before[40:])
		return at >= shoff && f.Sections[(at-shoff)/64].Name == ".rela.dyn"
	}
	for at := range after {
		if after[at] != before[at] && !allowed(uint64(at)) {
			t.Errorf("byte %#x changed", at)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(so), "*")); len(left) != 1 {
		t.Errorf("files were left behind: %v", left)
	}
}

// TestMapped: a process that has the unfinished file mapped keeps it.
func TestMapped(t *testing.T) {
	so := fake(t)
	before := read(t, so)
	open, err := os.Open(so)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	link := filepath.Join(t.TempDir(), "link.so")
	if err := os.Symlink(so, link); err != nil {
		t.Fatal(err)
	}
	postlink(t, link)
	old := make([]byte, len(before))
	if _, err := open.ReadAt(old, 0); err != nil || !bytes.Equal(old, before) {
		t.Errorf("the file that was open has changed (%v)", err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the symbolic link was replaced (%v)", err)
	}
	if bytes.Equal(read(t, so), before) {
		t.Error("the file the link leads to was not finished")
	}
}

// refused asserts that the file at path is refused and stays as it is.
func refused(t *testing.T, path, want string) {
	t.Helper()
	before := read(t, path)
	_, _, err := finish(path)
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	if !bytes.Equal(read(t, path), before) {
		t.Error("the file has changed")
	}
}

func TestTwice(t *testing.T) {
	so := fake(t)
	postlink(t, so)
	refused(t, so, "it is finished already")
}

// TestForeign: ELF files that are not the agent, and what is no ELF file.
func TestForeign(t *testing.T) {
	const isThis = "no .rela.dyn, .init_array, .dynamic, or no .bpftime_deferred: is this the agent?"
	dir := t.TempDir()
	src, out := filepath.Join(dir, "f.c"), filepath.Join(dir, "f")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("f.c", "int main(void) { return 0; }\n")
	gcc(t, "-shared", "-fPIC", "-o", out, src)
	refused(t, out, isThis)
	gcc(t, "-no-pie", "-o", out, src)
	refused(t, out, "ELFCLASS64, EM_X86_64, ET_EXEC: not a shared object for x86-64")
	gcc(t, "-c", "-o", out, src)
	refused(t, out, "ELFCLASS64, EM_X86_64, ET_REL: not a shared object for x86-64")
	refused(t, write("text", strings.Repeat("#!/bin/sh\n", 10)), "not an ELF file, or a damaged one: bad magic number '[35 33 47 98]' in record at byte 0x0")
	refused(t, write("empty", ""), "not an ELF file, or a damaged one: EOF")
	if _, _, err := finish(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestPacked: where the linker packs relative relocations there is nothing to
// defer, but Go does not start in the host either.
func TestPacked(t *testing.T) {
	so := fake(t, "-Wl,-z,pack-relative-relocs")
	if deferred, _ := postlink(t, so); deferred != 0 {
		t.Errorf("%d relocations deferred", deferred)
	}
	const want = "loaded: constructed 1, started 0, relocated 0x1f\n" +
		"then: constructed 1, started 1, relocated 0x1f\n"
	if got := load(t, so); got != want {
		t.Errorf("finished:\n%swant\n%s", got, want)
	}
}

// elfBytes is a file that a case breaks.
type elfBytes struct {
	*testing.T
	b []byte
	f *elf.File
}

func (e elfBytes) put(at uint64, v uint64) { binary.LittleEndian.PutUint64(e.b[at:], v) }

// field is the file offset of a field of a section's header.
func (e elfBytes) field(name string, at uint64) uint64 {
	for i, s := range e.f.Sections {
		if s.Name == name {
			return binary.LittleEndian.Uint64(e.b[40:]) + uint64(i)*64 + at
		}
	}
	e.Fatalf("no section %s", name)
	return 0
}

// dyn is the file offset of an entry of the dynamic section.
func (e elfBytes) dyn(tag elf.DynTag) uint64 {
	s := e.f.Section(".dynamic")
	for at := s.Offset; at < s.Offset+s.Size; at += 16 {
		if binary.LittleEndian.Uint64(e.b[at:]) == uint64(tag) {
			return at
		}
	}
	e.Fatalf("no %v", tag)
	return 0
}

// lastConstructor is the relocation of the last slot of .init_array.
func (e elfBytes) lastConstructor() uint64 {
	array, rela := e.f.Section(".init_array"), e.f.Section(".rela.dyn")
	for at := rela.Offset; at < rela.Offset+rela.Size; at += relaSize {
		if binary.LittleEndian.Uint64(e.b[at:]) == array.Addr+array.Size-8 {
			return at
		}
	}
	e.Fatal("the last constructor has no relocation")
	return 0
}

const (
	shType, shFlags, shOffset, shSize = 4, 8, 24, 32
	huge                              = 1 << 63
)

// hostile files are the fake agent with one thing changed. want begins the message;
// it is empty where debug/elf has it.
var hostile = []struct {
	name   string
	change func(e elfBytes)
	want   string
}{
	{"32 bits", func(e elfBytes) { e.b[4] = 1 }, ""},
	{"big-endian", func(e elfBytes) { e.b[5] = 2 }, ""},
	{"another machine", func(e elfBytes) { e.b[18] = byte(elf.EM_AARCH64) },
		"ELFCLASS64, EM_AARCH64, ET_DYN: not a shared object for x86-64"},
	{"section headers outside", func(e elfBytes) { e.put(40, uint64(len(e.b))) }, ""},
	{"note of another size", func(e elfBytes) { e.put(e.field(".bpftime_deferred", shSize), 16) },
		".bpftime_deferred has 16 bytes, 24 are expected: is this the agent?"},
	{"note outside", func(e elfBytes) { e.put(e.field(".bpftime_deferred", shOffset), uint64(len(e.b))-8) },
		".bpftime_deferred does not lie in the file: it is cut, or no agent"},
	{"note far outside", func(e elfBytes) { e.put(e.field(".bpftime_deferred", shOffset), huge-16) },
		".bpftime_deferred does not lie in the file: it is cut, or no agent"},
	{"note without contents", func(e elfBytes) { e.b[e.field(".bpftime_deferred", shType)] = byte(elf.SHT_NOBITS) },
		".bpftime_deferred does not lie in the file: it is cut, or no agent"},
	{"table outside", func(e elfBytes) { e.put(e.field(".rela.dyn", shOffset), uint64(len(e.b))) },
		".rela.dyn does not lie in the file: it is cut, or no agent"},
	{"table too large", func(e elfBytes) { e.put(e.field(".rela.dyn", shSize), huge-24) },
		".rela.dyn does not lie in the file: it is cut, or no agent"},
	{"dynamic section outside", func(e elfBytes) { e.put(e.field(".dynamic", shOffset), uint64(len(e.b))-15) },
		".dynamic does not lie in the file: it is cut, or no agent"},
	{"constructors outside", func(e elfBytes) { e.put(e.field(".init_array", shOffset), uint64(len(e.b))-8) },
		".init_array does not lie in the file: it is cut, or no agent"},
	{"half an entry", func(e elfBytes) { e.put(e.field(".rela.dyn", shSize), e.f.Section(".rela.dyn").Size-8) },
		".rela.dyn has "},
	{"relative entries not first", func(e elfBytes) {
		first := e.b[e.f.Section(".rela.dyn").Offset:]
		first[8] = byte(elf.R_X86_64_GLOB_DAT)
	}, "relative relocations are not first in .rela.dyn: link it with -z combreloc"},
	{"one constructor", func(e elfBytes) { e.put(e.field(".init_array", shSize), 8) },
		".init_array has 8 bytes: no constructor beside Go's start"},
	{"half a constructor", func(e elfBytes) { e.put(e.field(".init_array", shSize), 20) },
		".init_array has 20 bytes: no constructor beside Go's start"},
	{"Go's start by symbol", func(e elfBytes) { e.put(e.lastConstructor()+8, 1<<32|uint64(elf.R_X86_64_64)) },
		"the last entry of .init_array is not Go's start, a jmp"},
	{"Go's start outside", func(e elfBytes) { e.put(e.lastConstructor()+16, huge) },
		"the last entry of .init_array is not Go's start, a jmp"},
	{"Go's start is data", func(e elfBytes) { e.put(e.lastConstructor()+16, e.f.Section(".data").Addr) },
		"the last entry of .init_array is not Go's start, a jmp"},
	{"Go's start is another function", func(e elfBytes) {
		rela := e.lastConstructor() + 16
		e.put(rela, binary.LittleEndian.Uint64(e.b[rela:])+1)
	}, "the last entry of .init_array is not Go's start, a jmp"},
	{"no DT_RELA", func(e elfBytes) { e.put(e.dyn(elf.DT_RELA), 0x6ffffef0) }, "DT_RELA is missing"},
	{"no DT_INIT_ARRAYSZ", func(e elfBytes) { e.put(e.dyn(elf.DT_INIT_ARRAYSZ), 0x6ffffef0) }, "DT_INIT_ARRAYSZ is missing"},
	{"dynamic section ends at once", func(e elfBytes) { e.put(e.f.Section(".dynamic").Offset, 0) }, "DT_RELA is missing"},
	{"two DT_RELACOUNT", func(e elfBytes) { copy(e.b[e.dyn(elf.DT_FINI):][:16], e.b[e.dyn(elf.DT_RELACOUNT):]) },
		"DT_RELACOUNT is there twice"},
	{"another table", func(e elfBytes) { e.put(e.dyn(elf.DT_RELA)+8, 0x10) }, "DT_RELA is 0x10, by the section headers 0x"},
	{"another size", func(e elfBytes) { e.put(e.dyn(elf.DT_RELASZ)+8, 0x30) }, "DT_RELASZ is 0x30, by the section headers 0x"},
	{"another count", func(e elfBytes) { e.put(e.dyn(elf.DT_RELACOUNT)+8, 1) }, "DT_RELACOUNT is 0x1, by the section headers 0x"},
	{"other constructors", func(e elfBytes) { e.put(e.dyn(elf.DT_INIT_ARRAY)+8, 0x18) }, "DT_INIT_ARRAY is 0x18, by the section headers 0x"},
	{"fewer constructors", func(e elfBytes) { e.put(e.dyn(elf.DT_INIT_ARRAYSZ)+8, 0x8) }, "DT_INIT_ARRAYSZ is 0x8, by the section headers 0x18"},
}

func TestHostile(t *testing.T) {
	good := read(t, fake(t))
	f, err := elf.NewFile(bytes.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agent.so")
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(good)
			c.change(elfBytes{t, b, f})
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := finish(path); err == nil || err.Error() == "" || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
			if !bytes.Equal(read(t, path), b) {
				t.Error("the file has changed")
			}
		})
	}
}

// TestTruncated: the section headers come last, so every shorter file is refused.
func TestTruncated(t *testing.T) {
	good := read(t, fake(t))
	for n := 0; n < len(good); n += 1 + n/50 {
		if _, _, err := rewrite(bytes.Clone(good[:n])); err == nil {
			t.Errorf("%d of %d bytes are finished", n, len(good))
		}
	}
}

// TestMutated: no change of any kind makes it panic, and some are refused.
func TestMutated(t *testing.T) {
	rounds := 5_000
	if os.Getenv("BPFTIME_TORTURE") != "" {
		rounds = 200_000
	}
	good, refusals := read(t, fake(t)), 0
	f, err := elf.NewFile(bytes.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(rounds) {
		b, r := bytes.Clone(good), rand.New(rand.NewPCG(seed, 2))
		for range 1 + r.IntN(3) {
			mutate(r, b, f)
		}
		if _, _, err := rewrite(b); err != nil {
			refusals++
		}
	}
	if refusals < rounds/10 || refusals == rounds {
		t.Errorf("%d of %d files were refused", refusals, rounds)
	}
}

// mutate changes 8 bytes of the ELF header, of a section's header, or of the
// contents of a section that postlink reads.
func mutate(r *rand.Rand, b []byte, f *elf.File) {
	at := r.IntN(64)
	switch r.IntN(3) {
	case 0:
		at = int(f.Section([]string{".rela.dyn", ".dynamic", ".bpftime_deferred", ".init_array"}[r.IntN(4)]).Offset) + r.IntN(24)
	case 1:
		at = int(binary.LittleEndian.Uint64(b[40:])%uint64(len(b))) + r.IntN(64*len(f.Sections))
	}
	field := b[min(at&^7, len(b)-8):]
	old := binary.LittleEndian.Uint64(field)
	values := []uint64{0, 1, 7, 8, 24, 1 << 31, 1 << 32, huge, huge - 8, ^uint64(0), uint64(len(b)), uint64(len(b)) - 8, old + 1, old - 8, old ^ 1<<r.IntN(64), r.Uint64()}
	binary.LittleEndian.PutUint64(field, values[r.IntN(len(values))])
}

// TestNoRoom: where the new file cannot be written, the old one stays whole.
func TestNoRoom(t *testing.T) {
	if path := os.Getenv("POSTLINK_TEST_FILE"); path != "" {
		_, _, err := finish(path)
		os.Stdout.WriteString("error: " + err.Error() + "\n")
		os.Exit(0)
	}
	so := fake(t)
	before := read(t, so)
	cmd := exec.Command("sh", "-c", `ulimit -f 1 && exec "$0" -test.run '^TestNoRoom$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "POSTLINK_TEST_FILE="+so)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "error: write "+so+".") || !strings.HasSuffix(string(out), ": file too large\n") {
		t.Errorf("%v, it said %q", err, out)
	}
	if !bytes.Equal(read(t, so), before) {
		t.Error("the file has changed")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(so), "*")); len(left) != 1 {
		t.Errorf("files were left behind: %v", left)
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add(read(f, fake(f)))
	f.Add(read(f, fake(f, "-Wl,-z,pack-relative-relocs")))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := rewrite(b)
		if err != nil {
			return
		}
		if _, _, err := rewrite(b); err == nil {
			t.Error("it was finished twice")
		}
	})
}
