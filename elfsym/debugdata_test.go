package elfsym

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const minidebug = `
static __attribute__((noinline)) int hidden(int n) { return n * 3; }
static __attribute__((noinline)) int other(int n) { return hidden(n) + 1; }
__attribute__((visibility("default"))) int exported(int n) { return other(n); }
`

// withDebugdata is a stripped copy of a library that has content as its
// .gnu_debugdata.
func withDebugdata(t *testing.T, full, content string) *File {
	t.Helper()
	dir := t.TempDir()
	packed, stripped := filepath.Join(dir, "packed"), filepath.Join(dir, "stripped")
	write(t, packed, content)
	run(t, "objcopy", "-S", "--add-section", ".gnu_debugdata="+packed, full, stripped)
	return open(t, stripped)
}

func TestDebugdata(t *testing.T) {
	// As rpm makes it: the functions that are not exported, compressed.
	full := compile(t, "gcc", ".c", minidebug, "-shared", "-fPIC", "-O1")
	mini := filepath.Join(t.TempDir(), "mini")
	run(t, "objcopy", "-S", "--keep-symbol=hidden", "--keep-symbol=other", full, mini)
	run(t, "objcopy", "--only-keep-debug", mini, mini)
	whole, f := open(t, full), withDebugdata(t, full, run(t, "xz", "-c", mini))
	for _, name := range []string{"hidden", "other"} {
		want := lookup1(t, whole, name)
		want.Debug = true
		if got := lookup1(t, f, name); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if s := lookup1(t, f, "exported"); s.Debug || s.Local {
		t.Errorf("exported: %+v", s)
	}
	for pattern, want := range map[string]string{"exp*": "exported", "hid*": "hidden", "oth*": "other"} {
		if syms, err := f.Glob(pattern); !slices.Equal(names(syms), []string{want}) {
			t.Errorf("Glob(%s): %v, %v", pattern, names(syms), err)
		}
	}
	if _, err := f.Lookup("hiden"); err == nil || !strings.Contains(err.Error(), "did you mean hidden") || strings.Contains(err.Error(), "is stripped") {
		t.Errorf("hiden: %v", err)
	}
}

func TestBrokenDebugdataDoesNotHideTheRest(t *testing.T) {
	full := compile(t, "gcc", ".c", minidebug, "-shared", "-fPIC", "-O1")
	for name, content := range map[string]string{
		"not xz":      "this is no xz stream",
		"cut off":     xzMagic + "\x00\x04",
		"not ELF":     string(xzOf(t, []byte(strings.Repeat("text ", 1000)))),
		"half an ELF": string(xzOf(t, elfHead(t))),
	} {
		f := withDebugdata(t, full, content)
		lookup1(t, f, "exported")
		_, err := f.Lookup("hidden")
		if !errors.Is(err, ErrNoSymbol) || !strings.Contains(err.Error(), "not searched: .gnu_debugdata: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// elfHead is an ELF header without the sections it speaks of.
func elfHead(t *testing.T) []byte {
	b, err := os.ReadFile(ldso)
	if err != nil {
		t.Fatal(err)
	}
	return b[:4096]
}

// xzOf compresses with the xz command.
func xzOf(t testing.TB, plain []byte, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plain")
	write(t, path, string(plain))
	return []byte(run(t, "xz", append([]string{"-c"}, append(args, path)...)...))
}

func TestUnxz(t *testing.T) {
	plain := make([]byte, 100_000)
	for i := range plain {
		plain[i] = byte(i*i>>3) ^ byte(i>>9)
	}
	for name, args := range map[string][]string{
		"default (crc64)":    nil,
		"crc32":              {"-0", "-C", "crc32"},
		"no check":           {"-0", "-C", "none"},
		"sha256":             {"-0", "-C", "sha256"},
		"many blocks":        {"-0", "--block-size=7777"},
		"sizes in header":    {"-0", "-T2", "--block-size=30000"},
		"a small dictionary": {"--lzma2=dict=4KiB,nice=2"},
	} {
		got, err := unxz(xzOf(t, plain, args...), len(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if got, err := unxz(xzOf(t, nil), 1); err != nil || len(got) != 0 {
		t.Errorf("nothing: %d bytes, %v", len(got), err)
	}
}

func TestUnxzRefuses(t *testing.T) {
	plain := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	packed := xzOf(t, plain)
	edit := func(at int, b byte) []byte {
		e := bytes.Clone(packed)
		e[at] ^= b
		return e
	}
	for name, in := range map[string][]byte{
		"no magic":         packed[1:],
		"nothing":          {},
		"another filter":   xzOf(t, plain, "--x86", "--lzma2"),
		"damaged data":     edit(len(packed)/2, 0x10),
		"a wrong checksum": edit(len(packed)-12-12-4, 0x01), // before index and footer
	} {
		if got, err := unxz(in, len(plain)); err == nil {
			t.Errorf("%s: %d bytes without an error", name, len(got))
		}
	}
	for n := range len(packed) - 12 - 12 { // without any of index and footer
		if got, err := unxz(packed[:n], len(plain)); err == nil {
			t.Fatalf("cut off at %d of %d: %d bytes without an error", n, len(packed), len(got))
		}
	}
	if got, err := unxz(packed, len(plain)-1); err == nil || !strings.Contains(err.Error(), "when unpacked") {
		t.Errorf("over the limit: %d bytes, %v", len(got), err)
	}
	if got, err := unxz(xzOf(t, plain, "--block-size=4000"), len(plain)-1); err == nil {
		t.Errorf("over the limit in the last block: %d bytes", len(got))
	}
}

// TestUnxzDictionary: a block may ask for a dictionary of 4 GB; no more is
// allocated than may be unpacked.
func TestUnxzDictionary(t *testing.T) {
	packed := xzOf(t, []byte("small"))
	const dict = xzStreamHeader + 4 // in the block's header
	if packed[dict-2] != xzLZMA2 || packed[dict-1] != 1 {
		t.Fatalf("block header % x", packed[xzStreamHeader:][:12])
	}
	packed[dict] = 40 // 4 GB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := unxz(packed, 1<<20)
	runtime.ReadMemStats(&after)
	if err != nil || string(got) != "small" {
		t.Errorf("%q, %v", got, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

func FuzzUnxz(f *testing.F) {
	f.Add(xzOf(f, []byte("some text, some text")))
	f.Add(xzOf(f, bytes.Repeat([]byte("ab"), 5000), "--block-size=1000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := unxz(b, 1<<16); err == nil && len(got) > 1<<16 {
			t.Errorf("%d bytes", len(got))
		}
	})
}
