package elfsym

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// versioned is a library whose foo has two versions, and whose old has none
// that is the default.
const versioned = `
__asm__(".symver foo_v1,foo@V1\n.symver foo_v2,foo@@V2\n.symver old_v1,old@V1\n.symver old_v2,old@V2");
int foo_v1(void) { return 1; }
int foo_v2(void) { return 2; }
int old_v1(void) { return 3; }
int old_v2(void) { return 4; }
int plain(void) { return 5; }
`

const versionScript = "V1 { global: foo; old; local: foo_v*; old_v*; };\nV2 { global: foo; old; } V1;\n"

func buildVersioned(t *testing.T, args ...string) string {
	script := t.TempDir() + "/versions"
	write(t, script, versionScript)
	return compile(t, "gcc", ".c", versioned,
		append([]string{"-shared", "-fPIC", "-O1", "-Wl,--version-script=" + script}, args...)...)
}

func TestLookupVersions(t *testing.T) {
	type found struct {
		Name, Version string
		Hidden        bool
		Returns       byte // the number in the function's first instruction
	}
	path := buildVersioned(t)
	symtabOnly := open(t, path)
	symtabOnly.dynsyms = lazy[*table]{done: true} // as in a static file
	symtabOnly.dynamic = lazy[*dynamic]{done: true, v: &dynamic{}}
	for name, f := range map[string]*File{
		"DT_GNU_HASH": open(t, path),
		"DT_HASH":     open(t, buildVersioned(t, "-Wl,--hash-style=sysv")),
		"no sections": open(t, withoutSections(t, path)),
		".symtab":     symtabOnly,
	} {
		for query, want := range map[string][]found{
			"foo":     {{"foo", "V2", false, 2}},
			"foo@V1":  {{"foo", "V1", true, 1}},
			"foo@V2":  {{"foo", "V2", false, 2}},
			"foo@@V2": {{"foo", "V2", false, 2}},
			"foo@@V1": nil,
			"foo@V3":  nil,
			"old":     {{"old", "V1", true, 3}, {"old", "V2", true, 4}},
			"plain":   {{"plain", "", false, 5}},
		} {
			syms, err := f.Lookup(query)
			var got []found
			for _, s := range syms {
				b, err := f.Bytes(s.Value, 5)
				if err != nil || b[0] != 0xb8 {
					t.Fatalf("%s: code of %s: % x, %v", name, query, b, err)
				}
				got = append(got, found{s.Name, s.Version, s.Hidden, b[1]})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: Lookup(%q), error %v, -want +got:\n%s", name, query, err, diff)
			}
			if (want == nil) != errors.Is(err, ErrNoSymbol) {
				t.Errorf("%s: Lookup(%q): error %v", name, query, err)
			}
		}
	}
}

func TestLookupInLibc(t *testing.T) {
	f := open(t, libc)
	for query, want := range map[string]Symbol{
		"malloc":             {Name: "malloc", Version: "GLIBC_2.2.5"},
		"memcpy":             {Name: "memcpy", Version: "GLIBC_2.14", IFunc: true},
		"memcpy@@GLIBC_2.14": {Name: "memcpy", Version: "GLIBC_2.14", IFunc: true},
		"memcpy@GLIBC_2.2.5": {Name: "memcpy", Version: "GLIBC_2.2.5", Hidden: true, IFunc: true},
		"pthread_create":     {Name: "pthread_create", Version: "GLIBC_2.34"},
	} {
		got := lookup1(t, f, query)
		if got.Value == 0 || !f.Executable(got.Value) {
			t.Errorf("%s at %#x", query, got.Value)
		}
		want.Value, want.Size = got.Value, got.Size
		want.IFunc = want.IFunc && got.IFunc // some libcs have a plain memcpy@GLIBC_2.2.5
		got.IFunc = want.IFunc
		if got != want {
			t.Errorf("%s: %+v, want %+v", query, got, want)
		}
	}
	if got := lookup1(t, f, "memcpy"); !got.IFunc {
		t.Error("memcpy is not an IFUNC")
	}
	// stderr is exported, but is no function.
	if syms, err := f.Lookup("stderr"); !errors.Is(err, ErrNoSymbol) {
		t.Errorf("stderr: %+v, %v", syms, err)
	}
}

// TestLookupFindsAllOfLibc compares with nm, symbol by symbol.
func TestLookupFindsAllOfLibc(t *testing.T) {
	f := open(t, libc)
	compared := 0
	for line := range strings.Lines(run(t, "nm", "-D", "--defined-only", libc)) {
		// VALUE T NAME@@VERSION
		fields := strings.Fields(line)
		if len(fields) != 3 || !strings.Contains("TWti", fields[1]) {
			continue
		}
		value, query := parseHex(t, fields[0]), fields[2]
		syms, err := f.Lookup(query)
		if err != nil || !slices.ContainsFunc(syms, func(s Symbol) bool { return s.Value == value }) {
			t.Errorf("%s: %+v, %v; want %#x", query, syms, err, value)
		}
		compared++
	}
	if compared < 1500 {
		t.Errorf("only %d symbols compared", compared)
	}
}

const bindings = `
int weak(void);
__attribute__((weak)) int weak(void) { return 1; }
static __attribute__((noinline)) int twice(void) { return 2; }
static __attribute__((noinline)) int shadowed(void) { return 3; }
static int impl(void) { return 4; }
static void *resolve(void) { return impl; }
int indirect(void) __attribute__((ifunc("resolve")));
int data = 5;
__asm__(".text\nuntyped: ret\n");
int other(void);
int puts(const char *);
int main(void) { puts("x"); return weak() + twice() + shadowed() + indirect() + other() + data; }
`

const bindings2 = `
static __attribute__((noinline)) int twice(void) { return 12; }
int shadowed(void) { return 13; }
int other(void) { return twice() + shadowed(); }
`

func TestLookupBindings(t *testing.T) {
	second := t.TempDir() + "/second.c"
	write(t, second, bindings2)
	f := open(t, compile(t, "gcc", ".c", bindings, second, "-O1"))
	if s := lookup1(t, f, "weak"); s.Local || s.IFunc {
		t.Errorf("weak: %+v", s)
	}
	if s := lookup1(t, f, "indirect"); !s.IFunc || s.Value != lookup1(t, f, "resolve").Value {
		t.Errorf("indirect: %+v", s)
	}
	if s := lookup1(t, f, "shadowed"); s.Local {
		t.Errorf("shadowed: the local one: %+v", s)
	}
	if s := lookup1(t, f, "untyped"); !s.Local {
		t.Errorf("untyped: %+v", s)
	}
	syms, err := f.Lookup("twice")
	if err != nil || len(syms) != 2 || !syms[0].Local || !syms[1].Local || syms[0].Value >= syms[1].Value {
		t.Errorf("twice: %+v, %v", syms, err)
	}
	for _, name := range []string{"data", "", "@", "@V1", "puts@GLIBC_2.2.5"} {
		if syms, err := f.Lookup(name); !errors.Is(err, ErrNoSymbol) {
			t.Errorf("%q: %+v, %v", name, syms, err)
		}
	}
}

func TestLookupErrorsHelp(t *testing.T) {
	stripped := compile(t, "gcc", ".c", `#include <stdio.h>
int main(void) { puts("x"); return 0; }`, "-s")
	unversioned := compile(t, "gcc", ".c", "int f(void) { return 0; }", "-shared", "-nostdlib", "-s")
	for _, c := range []struct{ path, name, want string }{
		{libc, "maloc", libc + `: symbol "maloc": no such symbol; did you mean malloc, `},
		{libc, "Pthread_Create", "did you mean pthread_create"},
		{libstdcpp, "std::ostream::putt(char)", "no such symbol"},
		{libstdcpp, "std::ostream::put(int)", "did you mean std::ostream::put(char)"},
		{stripped, "puts", "it is imported here; name the file that defines it"},
		{unversioned, "helper", "(the file is stripped: "},
		{stripped, "helper", "(the file is stripped: only what it exports has a name)"},
	} {
		_, err := open(t, c.path).Lookup(c.name)
		if !errors.Is(err, ErrNoSymbol) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	_, err := open(t, libc).Glob("nothing_is_*_called_so")
	if !errors.Is(err, ErrNoSymbol) || !strings.Contains(err.Error(), `pattern "nothing_is_*_called_so"`) {
		t.Errorf("Glob: %v", err)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"malloc", "malloc", 0},
		{"malloc", "MALLOC", 0},
		{"maloc", "malloc", 1},
		{"mallocc", "malloc", 1},
		{"mxlloc", "malloc", 1},
		{"amlloc", "malloc", 2},
		{"mall", "malloc", 3}, // 2 letters are half of it
		{"free", "malloc", 3},
		{"abcdef", "abc", 3},
		{"ab", "a", 3},
	} {
		if got := distance(c.a, []byte(c.b)); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// parseHex reads a number as the binutils print it.
func parseHex(t testing.TB, s string) uint64 {
	t.Helper()
	var v uint64
	for _, c := range []byte(strings.TrimPrefix(s, "0x")) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 {
			t.Fatalf("%q is not a number", s)
		}
		v = v<<4 | uint64(d)
	}
	return v
}
