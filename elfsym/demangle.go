package elfsym

import (
	"bytes"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// maxMangled bounds what is demangled; longer names are known by their mangled
// form only.
const maxMangled = 16 << 10

// demangleName is the demangled form of name: with parameters, or without them
// and without return type. It is empty when name is not mangled.
func demangleName(name string, options ...demangle.Option) string {
	if len(name) > maxMangled || !isMangled(name) {
		return ""
	}
	s, err := demangle.ToString(name, append(options, demangle.MaxLength(16))...)
	if err != nil {
		return ""
	}
	return s
}

func isMangled(name string) bool {
	return strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "_R")
}

// demangledName is a demangled name or pattern being looked up.
type demangledName struct {
	want   func(demangled string) bool
	needle []byte // a piece of every mangled form, to spare most demanglings
}

func newDemangledName(name string) demangledName {
	want := squeeze(name)
	return demangledName{
		want:   func(s string) bool { return s == want },
		needle: []byte(needle(name)),
	}
}

// matches reports whether the symbol called mangled is meant. A clone (f.part.0,
// f.constprop.1) or a cold part is meant only by its full demangled form.
func (n demangledName) matches(mangled string) bool {
	full := demangleName(mangled)
	if full == "" {
		return false
	}
	if n.want(squeeze(full)) {
		return true
	}
	if strings.Contains(mangled, ".") {
		return false
	}
	return n.want(squeeze(demangleName(mangled, demangle.NoParams)))
}

// demangled finds the functions that n means.
func (f *File) demangled(n demangledName) []Symbol {
	var syms []Symbol
	tables, _ := f.tables()
	for _, t := range tables {
		if !bytes.Contains(t.strs, n.needle) {
			continue
		}
		for i, s := range t.functionNames() {
			if !bytes.Contains(s.text, n.needle) || !f.Executable(s.value) {
				continue
			}
			base, _, _ := strings.Cut(string(s.text), "@")
			if n.matches(base) {
				syms = append(syms, f.symbol(t, i, s.rawSym))
			}
		}
	}
	return byAddress(syms)
}

// squeeze removes the blanks that style decides about: all but those between
// two words, as in "unsigned int".
func squeeze(s string) string {
	if strings.IndexByte(s, ' ') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] == ' ' && (len(b) == 0 || !isWord(b[len(b)-1]) || i+1 == len(s) || !isWord(s[i+1])) {
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// unspelled are words of demangled names that need not occur in mangled ones:
// built-in types, abbreviations of std, and the demangler's own.
const unspelled = " void bool char short int long float double unsigned signed wchar_t char8_t char16_t char32_t" +
	" __int128 __float128 half decimal32 decimal64 decimal128 const volatile restrict auto decltype nullptr_t" +
	" std string ostream istream iostream allocator basic_string basic_ostream basic_istream basic_iostream" +
	" char_traits operator new delete sizeof alignof noexcept throw typeid co_await this" +
	" anonymous namespace lambda unnamed type clone closure shim vtable VTT typeinfo name for thunk to virtual" +
	" non guard variable covariant return construction reference temporary initializer function init abi" +
	" i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 isize usize f16 f32 f64 f128 str dyn impl as mut unsafe extern" +
	" static_cast dynamic_cast const_cast reinterpret_cast enable_if true false complex imaginary _Complex _Imaginary" +
	" constinit requires template struct class union enum default friend transaction_safe" +
	" _Float16 _Float32 _Float64 _Float128 _Float32x _Float64x bfloat16_t __bf16 _BitInt __vector __complex__ __imaginary__ "

// needle is the longest piece of name, a demangled name or a pattern, that is
// part of a word which every mangled form spells out; empty when there is none
// to rely on. Words count only as far as they are plain letters: Rust and
// punycode write others in their own way.
func needle(name string) string {
	if strings.ContainsAny(name, "{['\"") {
		return "" // closures, lambdas, classes of a pattern: not spelled out
	}
	best := ""
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r < 0x80 && !isWord(byte(r)) }) {
		digit := '0' <= word[0] && word[0] <= '9'
		if !digit && len(word) > len(best) && isASCII(word) && !strings.Contains(unspelled, word) {
			best = word
		}
	}
	return best
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}
