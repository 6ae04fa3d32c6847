package elfsym

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/google/go-cmp/cmp"
)

// image is an ELF file of nothing but program headers and zeros.
func image(typ elf.Type, progs ...prog) []byte {
	size := uint64(ehdrSize + phdrSize*len(progs))
	for _, p := range progs {
		size = max(size, p.off+p.filesz)
	}
	b := make([]byte, size)
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA], b[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	le.PutUint16(b[16:], uint16(typ))
	le.PutUint16(b[18:], uint16(elf.EM_X86_64))
	le.PutUint64(b[32:], ehdrSize)
	le.PutUint16(b[54:], phdrSize)
	le.PutUint16(b[56:], uint16(len(progs)))
	for i, p := range progs {
		h := b[ehdrSize+phdrSize*i:]
		le.PutUint32(h, uint32(p.typ))
		le.PutUint32(h[4:], uint32(p.flags))
		for j, v := range []uint64{p.off, p.vaddr, 0, p.filesz, p.memsz, pageSize} {
			le.PutUint64(h[8+8*j:], v)
		}
	}
	return b
}

func load(flags elf.ProgFlag, off, vaddr, filesz, memsz uint64) prog {
	return prog{elf.PT_LOAD, flags, off, filesz, vaddr, memsz}
}

// library is laid out as ld does it, sharer as lld does: its segments share
// pages of the file, which are mapped twice.
var (
	library = image(elf.ET_DYN,
		load(elf.PF_R, 0, 0, 0x1800, 0x1800),
		load(elf.PF_R|elf.PF_X, 0x2000, 0x2000, 0x3000, 0x3000),
		load(elf.PF_R|elf.PF_W, 0x5800, 0x6800, 0x400, 0x2000))
	sharer = image(elf.ET_DYN,
		load(elf.PF_R, 0, 0, 0x12d70, 0x12d70),
		load(elf.PF_R|elf.PF_X, 0x12d70, 0x13d70, 0x2000, 0x2000),
		load(elf.PF_R|elf.PF_W, 0x14d70, 0x16d70, 0x500, 0x500))
	fixed = image(elf.ET_EXEC,
		load(elf.PF_R|elf.PF_X, 0, 0x400000, 0x2000, 0x2000))
	// The first segment does not begin at offset 0.
	shifted = image(elf.ET_DYN,
		load(elf.PF_R|elf.PF_X, 0x1000, 0x201000, 0x2000, 0x2000),
		load(elf.PF_R, 0x3000, 0x203000, 0x1000, 0x1000))
)

func mapping(lo, hi, off uint64, perms string, inode uint64, path string) procmaps.Mapping {
	return procmaps.Mapping{
		Lo: lo, Hi: hi, Offset: off, Inode: inode, Path: path,
		Read: perms[0] == 'r', Write: perms[1] == 'w', Exec: perms[2] == 'x',
	}
}

// disk opens the images above by path.
func disk(path string) (*File, error) {
	b, ok := map[string][]byte{
		"/lib": library, "/sharer": sharer, "/fixed": fixed, "/shifted": shifted, "/data": []byte("#!/bin/sh\n"),
	}[path]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", path, os.ErrNotExist)
	}
	return New(path, bytes.NewReader(b))
}

// found is what a test expects of a module.
type found struct {
	Path         string
	Lo, Hi, Bias uint64
	Main         bool
	Mappings     int
	Err          error
}

func modulesIn(t *testing.T, ms []procmaps.Mapping) []found {
	t.Helper()
	mods, err := Modules(ms, disk)
	if err != nil {
		t.Fatal(err)
	}
	var got []found
	for _, m := range mods {
		f := found{m.Path, m.Lo, m.Hi, m.Bias, m.Main, len(m.Mappings), nil}
		for _, kind := range []error{ErrReplaced, os.ErrNotExist} {
			if errors.Is(m.Err, kind) {
				f.Err = kind
			}
		}
		if (m.File == nil) != (m.Err != nil) {
			t.Errorf("%s: File %v, Err %v", m.Path, m.File, m.Err)
		}
		got = append(got, f)
	}
	return got
}

func TestModules(t *testing.T) {
	lib := func(base, inode uint64) []procmaps.Mapping {
		return []procmaps.Mapping{
			mapping(base, base+0x2000, 0, "r--", inode, "/lib"),
			mapping(base+0x2000, base+0x5000, 0x2000, "r-x", inode, "/lib"),
			mapping(base+0x6000, base+0x7000, 0x5000, "rw-", inode, "/lib"),
			mapping(base+0x7000, base+0x9000, 0, "rw-", 0, ""),
		}
	}
	const base = 0x7f0000000000
	for _, c := range []struct {
		name string
		ms   []procmaps.Mapping
		want []found
	}{
		{"no mappings", nil, nil},
		{"a library", lib(base, 5),
			[]found{{"/lib", base, base + 0x9000, base, false, 3, nil}}},
		{"a library that is loaded twice", append(lib(base, 5), lib(base+0x10000, 5)...),
			[]found{{"/lib", base, base + 0x9000, base, false, 3, nil}, {"/lib", base + 0x10000, base + 0x19000, base + 0x10000, false, 3, nil}}},
		{"patched: a page of the text was replaced by memory", []procmaps.Mapping{
			mapping(base, base+0x2000, 0, "r--", 5, "/lib"),
			mapping(base+0x2000, base+0x3000, 0, "r-x", 0, ""),
			mapping(base+0x3000, base+0x5000, 0x3000, "r-x", 5, "/lib"),
		}, []found{{"/lib", base, base + 0x9000, base, false, 2, nil}}},
		{"also read as a file", append(lib(base, 5), mapping(base+0x100000, base+0x106000, 0, "r--", 5, "/lib")),
			[]found{{"/lib", base, base + 0x9000, base, false, 3, nil}}},
		{"only read as a file", []procmaps.Mapping{mapping(base, base+0x6000, 0, "r--", 5, "/lib")}, nil},
		{"a program at a fixed address, and a library", append([]procmaps.Mapping{
			mapping(0x400000, 0x402000, 0, "r-x", 3, "/fixed")}, lib(base, 5)...),
			[]found{{"/fixed", 0x400000, 0x402000, 0, true, 1, nil}, {"/lib", base, base + 0x9000, base, false, 3, nil}}},
		{"a fixed program is not where it says", []procmaps.Mapping{mapping(0x500000, 0x502000, 0, "r-x", 3, "/fixed")}, nil},
		{"nothing at offset 0", []procmaps.Mapping{
			mapping(base+0x1000, base+0x3000, 0x1000, "r-x", 7, "/shifted"),
			mapping(base+0x3000, base+0x4000, 0x3000, "r--", 7, "/shifted"),
		}, []found{{"/shifted", base + 0x1000, base + 0x4000, base - 0x200000, false, 2, nil}}},
		{"not ELF", []procmaps.Mapping{mapping(base, base+0x1000, 0, "r-x", 8, "/data")}, nil},
		{"no file", []procmaps.Mapping{
			mapping(base, base+0x1000, 0, "rwx", 0, ""),
			mapping(base+0x1000, base+0x3000, 0, "r-x", 0, "[vdso]"),
		}, nil},
		{"gone", []procmaps.Mapping{
			mapping(base, base+0x2000, 0, "r--", 9, "/gone"),
			mapping(base+0x2000, base+0x3000, 0x2000, "r-x", 9, "/gone"),
		}, []found{{"/gone", base, base + 0x3000, 0, false, 2, os.ErrNotExist}}},
		{"deleted", []procmaps.Mapping{{Lo: base, Hi: base + 0x1000, Read: true, Exec: true, Inode: 5, Path: "/lib", Deleted: true}},
			[]found{{"/lib", base, base + 0x1000, 0, false, 1, ErrReplaced}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, modulesIn(t, c.ms), cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestModulesWhereSegmentsShareAPage: a page that two segments share is mapped
// for each, and only the executable one says where the code is.
func TestModulesWhereSegmentsShareAPage(t *testing.T) {
	const base = 0x555555554000
	ms := []procmaps.Mapping{
		mapping(base, base+0x13000, 0, "r--", 6, "/sharer"),
		mapping(base+0x13000, base+0x16000, 0x12000, "r-x", 6, "/sharer"),
		mapping(base+0x16000, base+0x18000, 0x14000, "rw-", 6, "/sharer"),
	}
	want := []found{{"/sharer", base, base + 0x18000, base, false, 3, nil}}
	if diff := cmp.Diff(want, modulesIn(t, ms), cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	f, err := disk("/sharer")
	if err != nil {
		t.Fatal(err)
	}
	if off, ok := f.FileOffset(0x13d80); off != 0x12d80 || !ok {
		t.Errorf("FileOffset(0x13d80) = %#x, %v", off, ok)
	}
	if v, ok := f.Vaddr(0x12d80); v != 0x13d80 || !ok {
		t.Errorf("Vaddr(0x12d80) = %#x, %v", v, ok)
	}
}

func TestModulesRefusesDisorder(t *testing.T) {
	ms := []procmaps.Mapping{mapping(0x2000, 0x3000, 0, "r-x", 1, "/lib"), mapping(0x1000, 0x2000, 0, "r-x", 1, "/lib")}
	if mods, err := Modules(ms, disk); err == nil {
		t.Errorf("%v", mods)
	}
}

func TestModulesNoticesAReplacedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lib.so")
	write(t, path, string(library))
	other := filepath.Join(dir, "other")
	write(t, other, string(library))
	inode := open(t, path).inode
	ms := []procmaps.Mapping{mapping(0x2000, 0x5000, 0x2000, "r-x", inode, path)}
	if mods, err := Modules(ms, nil); err != nil || len(mods) != 1 || mods[0].File == nil {
		t.Errorf("before: %+v, %v", mods, err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	mods, err := Modules(ms, nil)
	if err != nil || len(mods) != 1 || !errors.Is(mods[0].Err, ErrReplaced) || !strings.Contains(mods[0].Err.Error(), path) {
		t.Errorf("after: %+v, %v", mods, err)
	}
}

func TestModulesOfThisProcess(t *testing.T) {
	ms, err := procmaps.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	mods, err := Modules(ms, nil)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if m := matching(t, mods, exe); !m.Main || !m.Match("/proc/self/exe") {
		t.Errorf("%+v is not the main module", m)
	}
}

func TestMatchModule(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "libx-2.31.so")
	write(t, path, string(library))
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	ms := []procmaps.Mapping{mapping(0x2000, 0x5000, 0x2000, "r-x", open(t, path).inode, path)}
	mods, err := Modules(ms, nil)
	if err != nil || len(mods) != 1 {
		t.Fatal(mods, err)
	}
	m := mods[0]
	for query, want := range map[string]bool{
		path: true,
		link: true,
		dir + "/../" + filepath.Base(dir) + "/link": true,
		"libx-2.31.so":            true,
		"libx":                    true,
		"libx-2.31":               true,
		"libx-2.31.so.1":          false,
		"lib":                     false,
		"ibx":                     false,
		"":                        false,
		libc:                      false,
		"/elsewhere/libx-2.31.so": false,
		"/proc/self/exe":          false,
	} {
		if got := m.Match(query); got != want {
			t.Errorf("Match(%q) = %v", query, got)
		}
	}
	m.Main = true
	if !m.Match("/proc/self/exe") {
		t.Error("the main module is not /proc/self/exe")
	}
}

func TestMatchSoname(t *testing.T) {
	path := compile(t, "gcc", ".c", "int x;", "-shared", "-Wl,-soname,libthing.so.3")
	m := &Module{Path: path, File: open(t, path)}
	for query, want := range map[string]bool{"out": true, "libthing.so.3": true, "libthing": true, "libthing.so": false, "libthin": false} {
		if got := m.Match(query); got != want {
			t.Errorf("Match(%q) = %v", query, got)
		}
	}
}

func TestNameMatches(t *testing.T) {
	for _, c := range []struct {
		name, want string
		ok         bool
	}{
		{"libc.so.6", "libc", true},
		{"libc.so.6", "libc.so.6", true},
		{"libc.so.6", "libc.so", false},
		{"libc.so", "libc", true},
		{"libc-2.31.so", "libc", true},
		{"libc.musl-x86_64.so.1", "libc", true},
		{"libc-client.so.1", "libc", false},
		{"libcrypt.so.1", "libc", false},
		{"libstdc++.so.6.0.30", "libstdc++", true},
		{"libpython3.11.so.1.0", "libpython3.11", true},
		{"libpython3.11.so.1.0", "libpython3", false},
		{"libssl.sox", "libssl", false},
		{"nginx", "nginx", true},
		{"nginx", "ngin", false},
		{"x-", "x", false},
		{"anything", "", false},
	} {
		if got := nameMatches(c.name, c.want); got != c.ok {
			t.Errorf("nameMatches(%q, %q) = %v", c.name, c.want, got)
		}
	}
}
