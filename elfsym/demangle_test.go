package elfsym

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ianlancetaylor/demangle"
)

const overloads = `
namespace std {
template <class> struct char_traits;
template <class> struct allocator;
inline namespace __cxx11 { template <class C, class T = char_traits<C>, class A = allocator<C>> struct basic_string {}; }
using string = basic_string<char>;
}
namespace ns {
struct Parser {
	Parser(int);
	virtual ~Parser();
	int run(int) const;
	int run(char *, unsigned long) const;
	template <class T> T get(T v) { return v; }
};
Parser::Parser(int) {}
Parser::~Parser() {}
int Parser::run(int i) const { return i; }
int Parser::run(char *, unsigned long n) const { return n; }
template int Parser::get(int);
template long Parser::get(long);
void take(std::string, int (*)(int, char *)) {}
namespace { __attribute__((noinline, used)) int hidden(int i) { return i; } }
int use() { return hidden(4); }
}
int operator+(const ns::Parser &, int n) { return n; }
extern "C" int plain_c(void) { return 0; }
int main() { return 0; }
`

func TestLookupDemangled(t *testing.T) {
	f := open(t, compile(t, "g++", ".cc", overloads, "-O0"))
	for query, want := range map[string][]string{
		"ns::Parser::run":                             {"_ZNK2ns6Parser3runEPcm", "_ZNK2ns6Parser3runEi"},
		"ns::Parser::run(int) const":                  {"_ZNK2ns6Parser3runEi"},
		"ns::Parser::run(char *,unsigned long) const": {"_ZNK2ns6Parser3runEPcm"},
		"ns::Parser::run(char*, unsigned long)const":  {"_ZNK2ns6Parser3runEPcm"},
		"_ZNK2ns6Parser3runEi":                        {"_ZNK2ns6Parser3runEi"},
		"ns::Parser::get<int>":                        {"_ZN2ns6Parser3getIiEET_S2_"},
		"int ns::Parser::get<int>(int)":               {"_ZN2ns6Parser3getIiEET_S2_"},
		"ns::(anonymous namespace)::hidden":           {"_ZN2ns12_GLOBAL__N_16hiddenEi"},
		"operator+":                                   {"_ZplRKN2ns6ParserEi"},
		"operator+(ns::Parser const&, int)":           {"_ZplRKN2ns6ParserEi"},
		"ns::take":                                    {"_ZN2ns4takeENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEPFiiPcE"},
		"ns::take(std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char>>, int (*)(int, char*))": {
			"_ZN2ns4takeENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEPFiiPcE"},
		"plain_c":                 {"plain_c"},
		"run":                     nil,
		"ns::Parser":              nil,
		"ns::Parser::run(int)":    nil, // it is const
		"ns::Parser::run(double)": nil,
	} {
		syms, _ := f.Lookup(query)
		if diff := cmp.Diff(want, names(syms)); diff != "" {
			t.Errorf("Lookup(%q): -want +got:\n%s", query, diff)
		}
	}
	// Complete and base object constructors are one function, the deleting
	// destructor is another.
	if syms, err := f.Lookup("ns::Parser::Parser"); err != nil || len(syms) != 1 {
		t.Errorf("constructor: %+v, %v", syms, err)
	}
	if syms, err := f.Lookup("ns::Parser::~Parser"); err != nil || len(syms) != 2 {
		t.Errorf("destructors: %+v, %v", syms, err)
	}
}

func TestDemangledRustAndClones(t *testing.T) {
	for _, c := range []struct {
		mangled, name string
		want          bool
	}{
		{"_ZN3std3env4args17h0123456789abcdefE", "std::env::args", true},
		{"_ZN3std3env4args17h0123456789abcdefE", "std::env", false},
		{"_RNvCs1234_7mycrate3foo", "mycrate::foo", true},
		{"_ZN2ns1fEi", "ns::f", true},
		{"_ZN2ns1fEi.part.0", "ns::f", false},
		{"_ZN2ns1fEi.part.0", "ns::f(int) [clone .part.0]", true},
		{"_ZN2ns1fEi.cold", "ns::f", false},
		{"ns::f", "ns::f", false}, // not mangled
		{"_Zbroken", "broken", false},
		{"_Z" + strings.Repeat("P", maxMangled), "f", false},
	} {
		if got := newDemangledName(c.name).matches(c.mangled); got != c.want {
			t.Errorf("%q means %.60s: %v", c.name, c.mangled, got)
		}
	}
}

// TestOverloadsInLibstdcpp compares with what c++filt, another demangler, says
// about the names nm finds.
func TestOverloadsInLibstdcpp(t *testing.T) {
	f := open(t, libstdcpp)
	mangled := make(map[string][]uint64) // by demangled name without parameters
	for line := range strings.Lines(run(t, "sh", "-c", "nm -D --defined-only --without-symbol-versions -C "+libstdcpp)) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(fields) != 3 || !strings.Contains("TWti", fields[1]) {
			continue
		}
		if name, _, ok := strings.Cut(fields[2], "("); ok {
			mangled[name] = append(mangled[name], parseHex(t, fields[0]))
		}
	}
	for _, query := range []string{"std::ostream::write", "std::ostream::operator<<", "std::string::append", "operator new", "std::thread::join"} {
		want := slices.Compact(slices.Sorted(slices.Values(mangled[query])))
		var got []uint64
		syms, err := f.Lookup(query)
		for _, s := range syms {
			got = append(got, s.Value)
		}
		if len(want) == 0 {
			t.Fatalf("nm knows no %s", query)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %v, -want +got:\n%s", query, err, diff)
		}
	}
}

func TestSqueeze(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"f":                           "f",
		"f( int , char * )":           "f(int,char*)",
		"unsigned  int f ( )":         "unsigned int f()",
		"v<v<int> >::f(int) const":    "v<v<int>>::f(int)const",
		" operator new [] ":           "operator new[]",
		"(anonymous namespace)::f":    "(anonymous namespace)::f",
		"f(A const &, long long)":     "f(A const&,long long)",
		"<Foo as core::fmt>::fmt":     "<Foo as core::fmt>::fmt",
		"f(int, ns::Größe  unsigned)": "f(int,ns::Größe unsigned)",
	} {
		if got := squeeze(in); got != want {
			t.Errorf("squeeze(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNeedle(t *testing.T) {
	for in, want := range map[string]string{
		"ns::Parser::run(int)":    "Parser",
		"std::string::append":     "append",
		"std::ostream::operator+": "",
		"*Pars*::ru?":             "Pars",
		"ns::f[abc]":              "",
		"main::{{closure}}":       "",
		"a12::b":                  "a12",
		"f<12345>":                "",
		"größe::ab":               "",
	} {
		if got := needle(in); got != want {
			t.Errorf("needle(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestNeedleIsSpelledOut holds needle to what it promises, on every mangled name
// of real libraries: it must not hide a symbol from the search.
func TestNeedleIsSpelledOut(t *testing.T) {
	paths := []string{libstdcpp}
	home, _ := os.UserHomeDir()
	rust, _ := filepath.Glob(filepath.Join(home, ".rustup/toolchains/*/lib/libstd-*.so"))
	paths = append(paths, rust...)
	if os.Getenv("BPFTIME_TORTURE") != "" {
		paths = append(paths, "/usr/bin/node", "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1")
	}
	checked := 0
	for _, path := range paths {
		f := open(t, path)
		tables, _ := f.tables()
		for _, table := range tables {
			for _, s := range table.functionNames() {
				name, _, _ := bytes.Cut(s.text, []byte("@"))
				for _, form := range []string{demangleName(string(name)), demangleName(string(name), demangle.NoParams)} {
					if n := needle(form); n != "" {
						checked++
						if !bytes.Contains(name, []byte(n)) {
							t.Errorf("%s: %q is not in %s", form, n, name)
						}
					}
				}
			}
		}
	}
	if checked < 4000 {
		t.Errorf("only %d names checked", checked)
	}
}
