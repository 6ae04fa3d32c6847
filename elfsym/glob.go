package elfsym

import (
	"fmt"
	"strings"
)

// Glob finds the functions whose names match pattern: * stands for any number
// of characters, ? for one, [a-z] and [!a-z] for one of a class. It is matched
// against mangled names without their versions; with a leading ~ the rest is
// matched against the demangled ones, with and without parameters.
//
// The result is in ascending order of the addresses, each address once. All
// versions of a name count; symbols without a type and cold parts do not. The
// error of a pattern that matches nothing wraps ErrNoSymbol.
func (f *File) Glob(pattern string) ([]Symbol, error) {
	var syms []Symbol
	if p, demangled := strings.CutPrefix(pattern, "~"); demangled {
		syms = f.demangled(newDemangledPattern(p))
	} else {
		syms = f.globMangled(pattern)
	}
	found := syms[:0]
	for _, s := range syms {
		if !s.Cold {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: pattern %q: %w", f.name, pattern, f.nothingMatches())
	}
	return found, nil
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
	switch {
	case pattern == "":
		return "", false
	case pattern[0] == '?':
		return pattern[1:], true
	case pattern[0] == '[':
		if class, rest, closed := cutClass(pattern); closed {
			return rest, inClass(class, c)
		}
	}
	return pattern[1:], pattern[0] == c
}

// cutClass splits pattern, which begins with [, behind the matching ]. One that
// comes first is part of the class. A [ that is not closed stands for itself.
func cutClass(pattern string) (class, rest string, closed bool) {
	body := pattern[1:]
	skip := 0
	if strings.HasPrefix(body, "!") || strings.HasPrefix(body, "^") {
		skip = 1
	}
	if strings.HasPrefix(body[skip:], "]") {
		skip++
	}
	end := strings.IndexByte(body[skip:], ']')
	if end < 0 {
		return "", "", false
	}
	return body[:skip+end], body[skip+end+1:], true
}

func inClass(class string, c byte) bool {
	negated := class[0] == '!' || class[0] == '^'
	if negated {
		class = class[1:]
	}
	for class != "" {
		lo, hi := class[0], class[0]
		class = class[1:]
		if len(class) >= 2 && class[0] == '-' {
			hi, class = class[1], class[2:]
		}
		if lo <= c && c <= hi {
			return !negated
		}
	}
	return negated
}
