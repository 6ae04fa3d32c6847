package elfsym

import (
	"fmt"
	"slices"
	"strings"
)

// Glob finds the functions whose names match pattern, as libbpf's patterns do: *
// stands for any number of characters, ? for one; brackets are themselves, since
// names are full of them. It is matched against mangled names without their
// versions; with a leading ~ the rest is matched against the demangled ones, with
// and without parameters; with a leading 0x it is matched against the addresses of
// functions that have no name.
//
// The result is in ascending order of the addresses, each address once. All
// versions of a name count; symbols without a type and cold parts do not. The
// error of a pattern that matches nothing wraps ErrNoSymbol and lists near names.
func (f *File) Glob(pattern string) ([]Symbol, error) {
	found, _, err := f.GlobAll(pattern)
	return found, err
}

// GlobAll is Glob, and how many cold parts have a name that matches.
func (f *File) GlobAll(pattern string) (functions []Symbol, cold int, err error) {
	var syms []Symbol
	switch p, demangled := strings.CutPrefix(pattern, "~"); {
	case demangled:
		syms = f.demangled(newDemangledPattern(p))
	case strings.HasPrefix(pattern, "0x"):
		syms = f.globNameless(pattern)
	default:
		syms = f.globMangled(pattern)
	}
	functions = slices.DeleteFunc(syms, func(s Symbol) bool { return s.Cold })
	cold = len(syms) - len(functions)
	if len(functions) == 0 {
		err = fmt.Errorf("%s: pattern %q: %w", f.name, pattern, f.nothingMatches(pattern))
	}
	return functions, cold, err
}

func newDemangledPattern(pattern string) demangledName {
	p := squeeze(pattern)
	return demangledName{
		want:   func(s string) bool { return match(p, s) },
		needle: []byte(needle(pattern)),
	}
}

func (f *File) globMangled(pattern string) []Symbol {
	var syms []Symbol
	tables, _ := f.tables()
	for _, t := range tables {
		for i, s := range t.functionNames() {
			name, _, _ := strings.Cut(string(s.text), "@")
			if match(pattern, name) && f.Executable(s.value) {
				syms = append(syms, f.symbol(t, i, s.rawSym))
			}
		}
	}
	return byAddress(syms)
}

// match reports whether the whole of s matches pattern. It goes back to the
// last * only: an earlier one can take no more than it has taken. So the time
// is at most the product of the lengths.
func match(pattern, s string) bool {
	star, retry := "", "" // the pattern after the last *, and where it is tried next
	starred := false
	for {
		if strings.HasPrefix(pattern, "*") {
			pattern = pattern[1:]
			star, retry, starred = pattern, s, true
			continue
		}
		if s == "" && pattern == "" {
			return true
		}
		if s != "" {
			if rest, ok := matchOne(pattern, s[0]); ok {
				pattern, s = rest, s[1:]
				continue
			}
		}
		if !starred || retry == "" {
			return false
		}
		retry = retry[1:]
		pattern, s = star, retry
	}
}

// matchOne matches c with the first element of pattern and returns what follows
// that.
func matchOne(pattern string, c byte) (rest string, ok bool) {
	if pattern == "" {
		return "", false
	}
	return pattern[1:], pattern[0] == '?' || pattern[0] == c
}
