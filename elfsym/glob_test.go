package elfsym

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"abc", "abc", true},
		{"abc", "abd", false},
		{"*", "", true},
		{"*", "anything", true},
		{"**", "x", true},
		{"a*", "a", true},
		{"a*c", "abcbc", true},
		{"a*c", "abcb", false},
		{"*ab*ab*", "xabab", true},
		{"*ab*ab*", "xab", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"?", "", false},
		{"[a-c]x", "[a-c]x", true}, // brackets are letters of names
		{"[a-c]x", "bx", false},
		{"operator[", "operator[", true},
		{"operator[]", "operator[]", true},
		{"operator[]*", "operator[](int)", true},
		{"std::vector<*>::operator[](*)", "std::vector<int>::operator[](unsigned long)", true},
		{"a[", "ab", false},
		{"\\*", "\\x", true}, // no escapes
		{strings.Repeat("*a", 30) + "b", strings.Repeat("a", 5000), false},
	} {
		if got := match(c.pattern, c.s); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}

func TestGlobMangled(t *testing.T) {
	f := open(t, libc)
	for pattern, want := range map[string][]string{
		"pthread_spin_*lock": {"pthread_spin_lock", "pthread_spin_trylock", "pthread_spin_unlock"},
		"mkst?mp":            {"mkstemp"},
		"memcpy":             {"memcpy", "memcpy"}, // both versions
	} {
		got, err := f.Glob(pattern)
		if diff := cmp.Diff(want, names(got)); diff != "" {
			t.Errorf("Glob(%q): %v, -want +got:\n%s", pattern, err, diff)
		}
		if !slices.IsSortedFunc(got, func(a, b Symbol) int { return int(a.Value) - int(b.Value) }) {
			t.Errorf("Glob(%q) is not in the order of the addresses", pattern)
		}
	}
}

func TestGlobDemangled(t *testing.T) {
	f := open(t, compile(t, "g++", ".cc", overloads, "-O0"))
	for pattern, want := range map[string][]string{
		"~ns::Parser::r*":         {"_ZNK2ns6Parser3runEPcm", "_ZNK2ns6Parser3runEi"},
		"~ns::Parser::run(* )*":   {"_ZNK2ns6Parser3runEPcm", "_ZNK2ns6Parser3runEi"},
		"~*Parser::r?n(int)const": {"_ZNK2ns6Parser3runEi"},
		"~ns::t*":                 {"_ZN2ns4takeENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEPFiiPcE"},
		"~*::hidden":              {"_ZN2ns12_GLOBAL__N_16hiddenEi"},
		"~plain_c":                nil, // not mangled
		"*3run*":                  {"_ZNK2ns6Parser3runEPcm", "_ZNK2ns6Parser3runEi"},
	} {
		got, err := f.Glob(pattern)
		if diff := cmp.Diff(want, names(got)); diff != "" {
			t.Errorf("Glob(%q): %v, -want +got:\n%s", pattern, err, diff)
		}
	}
}

// coldCode is built so that foo gets a cold part and a clone.
const coldCode = `
#include <stdio.h>
#include <stdlib.h>
__attribute__((cold, noinline, noclone)) void fail(int n) { fprintf(stderr, "%d\n", n); exit(n); }
__attribute__((noinline, noclone)) int foo(int n) {
	if (__builtin_expect(n == 12345, 0)) { fail(n); fail(n + 1); fail(n * 3); }
	if (__builtin_expect(n == 54321, 0)) { fail(n - 1); abort(); }
	return n * 7;
}
int main(int argc, char **argv) { return foo(argc) - foo(argc + 1); }
`

func TestColdPartsAreNotFunctions(t *testing.T) {
	f := open(t, compile(t, "gcc", ".c", coldCode, "-O2"))
	cold := lookup1(t, f, "foo.cold")
	if !cold.Cold {
		t.Errorf("foo.cold: %+v", cold)
	}
	if s := lookup1(t, f, "foo"); s.Cold {
		t.Errorf("foo: %+v", s)
	}
	syms, err := f.Glob("foo*")
	if want := []string{"foo"}; !slices.Equal(names(syms), want) {
		t.Errorf("Glob(foo*) = %v, %v, want %v", names(syms), err, want)
	}
	hot, _ := f.FuncAt(lookup1(t, f, "foo").Value)
	part, _ := f.FuncAt(cold.Value)
	if got, want := f.parts(hot), []Func{hot, part}; !slices.Equal(got, want) {
		t.Errorf("parts of foo: %x, want %x", got, want)
	}
	if got, want := f.parts(part), []Func{part, hot}; !slices.Equal(got, want) {
		t.Errorf("parts of foo.cold: %x, want %x", got, want)
	}
}
