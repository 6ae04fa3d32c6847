package yaml

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// accepted are texts and what they mean, written by hand: @line:col before every value, lists in [], mappings in {},
// quoted scalars in quotes, _ for nothing.
var accepted = []struct{ name, text, want string }{
	{"empty", "", `@1:1 _`},
	{"only a comment", "# nothing\n", `@2:1 _`},
	{"plain", "web", `@1:1 web`},
	{"plain with colons and hashes", "uprobe/libc:a::b#c", `@1:1 uprobe/libc:a::b#c`},
	{"demangled", "a: uprobe/x:std::vector<int, A>::operator[](unsigned long)+0x10 # c",
		`@1:1 {@1:1 a: @1:4 uprobe/x:std::vector<int, A>::operator[](unsigned long)+0x10}`},
	{"dash without space", "-1", `@1:1 -1`},
	{"document markers", "---\na: b\n...\n", `@2:1 {@2:1 a: @2:4 b}`},
	{"scalar behind the marker", "--- web", `@1:5 web`},
	{"crlf", "a: b\r\nc: d\r\n", `@1:1 {@1:1 a: @1:4 b, @2:1 c: @2:4 d}`},
	{"bom", "\ufeffa: b", `@1:1 {@1:1 a: @1:4 b}`},
	{"columns count characters", "é: ö, x", `@1:1 {@1:1 é: @1:4 ö, x}`},
	{"null values", "a:\nb: ~\nc:   # none\n", `@1:1 {@1:1 a: @1:3 _, @2:1 b: @2:4 ~, @3:1 c: @3:3 _}`},
	{"list", "- a\n- b\n", `@1:1 [@1:3 a, @2:3 b]`},
	{"list under its key", "a:\n- x\n- y\nb: z\n", `@1:1 {@1:1 a: @2:1 [@2:3 x, @3:3 y], @4:1 b: @4:4 z}`},
	{"list deeper than its key", "a:\n  - x\n\n  # c\n  - y\n", `@1:1 {@1:1 a: @2:3 [@2:5 x, @5:5 y]}`},
	{"empty items", "-\n-\n", `@1:1 [@1:2 _, @2:2 _]`},
	{"compact mapping", "- a: b\n  c: d\n- e:\n    f: g\n",
		`@1:1 [@1:3 {@1:3 a: @1:6 b, @2:3 c: @2:6 d}, @3:3 {@3:3 e: @4:5 {@4:5 f: @4:8 g}}]`},
	{"compact list", "- - a\n  - b\n- c\n", `@1:1 [@1:3 [@1:5 a, @2:5 b], @3:3 c]`},
	{"list in an item's mapping", "- a:\n  - x\n  b: c\n", `@1:1 [@1:3 {@1:3 a: @2:3 [@2:5 x], @3:3 b: @3:6 c}]`},
	{"tab between key and value", "a:\tb\t# c\n", `@1:1 {@1:1 a: @1:4 b}`},
	{"flow", "{a: [b, {c: d}, ], e: , f, g: 'h' }",
		`@1:1 {@1:2 a: @1:5 [@1:6 b, @1:9 {@1:10 c: @1:13 d}], @1:20 e: @1:22 _, @1:25 f: @1:26 _, @1:28 g: @1:31 "h"}`},
	{"json", "{\n\t\"a\":[1,true,null],\n\t\"b\":{\"c\":\"\\u00e9\\/\"}\n}",
		`@1:1 {@2:2 "a": @2:6 [@2:7 1, @2:9 true, @2:14 null], @3:2 "b": @3:6 {@3:7 "c": @3:11 "é/"}}`},
	{"json surrogates", `"\ud83d\ude00"`, `@1:1 "😀"`},
	{"flow over lines in a block", "a: [\n  b, # c\n  d\n]\ne: f\n", `@1:1 {@1:1 a: @1:4 [@2:3 b, @3:3 d], @5:1 e: @5:4 f}`},
	{"colon inside flow words", "[uprobe/libc:malloc, a:b]", `@1:1 [@1:2 uprobe/libc:malloc, @1:22 a:b]`},
	{"question mark in a word", "[mem?]", `@1:1 [@1:2 mem?]`},
	{"single quotes", "'it''s \\n'", `@1:1 "it's \\n"`},
	{"double quotes", `"a\tb\x41\U0001F600\\\"\e\_"`, `@1:1 "a\tbA😀\\\"\x1b\u00a0"`},
	{"quoted over lines", "a: \"x  \n   y\n\n\n  z\\\n   w \\\n\"\nb: 'p\n\n  q '\n",
		`@1:1 {@1:1 a: @1:4 "x y\n\nzw ", @8:1 b: @8:4 "p\nq "}`},
	{"plain over lines", "a: x\n   y  \n\n   z\nb: w", `@1:1 {@1:1 a: @1:4 x y\nz, @5:1 b: @5:4 w}`},
	{"plain over lines in flow", "[a\n b,\n c d\n\n e]", `@1:1 [@1:2 a b, @3:2 c d\ne]`},
	{"a dash that goes on", "a: b\n  - c", `@1:1 {@1:1 a: @1:4 b - c}`},
	{"quoted keys", "\"a b\": 1\n'c': 2\n", `@1:1 {@1:1 "a b": @1:8 1, @2:1 "c": @2:6 2}`},
	{"keys with spaces", "a b: c", `@1:1 {@1:1 a b: @1:6 c}`},
	{"repeated keys are kept", "a: 1\na: 2", `@1:1 {@1:1 a: @1:4 1, @2:1 a: @2:4 2}`},
	{"anchor and alias", "a: &x [b]\nc: *x\nd: [*x , &y e, *y]",
		`@1:1 {@1:1 a: @1:7 [@1:8 b], @2:1 c: @1:7 [@1:8 b], @3:1 d: @3:4 [@1:7 [@1:8 b], @3:13 e, @3:13 e]}`},
	{"anchor on the line above", "a: &x\n  b: c\nd: &y\n- e\nf: &z\ng: *y",
		`@1:1 {@1:1 a: @2:3 {@2:3 b: @2:6 c}, @3:1 d: @4:1 [@4:3 e], @5:1 f: @5:6 _, @6:1 g: @4:1 [@4:3 e]}`},
	{"marker inside a word", "a: b\n ---\n", `@1:1 {@1:1 a: @1:4 b ---}`},
}

func TestAccepted(t *testing.T) {
	for _, c := range accepted {
		t.Run(c.name, func(t *testing.T) {
			n, err := Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := show(n); got != c.want {
				t.Errorf("%q\nread as %s\nwant    %s", c.text, got, c.want)
			}
			if !beyondOracle(c.text) {
				compare(t, c.text)
			}
		})
	}
}

// show renders a tree in the notation of the table.
func show(n *Node) string {
	place := fmt.Sprintf("@%d:%d ", n.Line, n.Col)
	var parts []string
	switch n.Kind {
	case Sequence:
		for _, item := range n.Items {
			parts = append(parts, show(item))
		}
		return place + "[" + strings.Join(parts, ", ") + "]"
	case Mapping:
		for _, p := range n.Pairs {
			parts = append(parts, show(p.Key)+": "+show(p.Value))
		}
		return place + "{" + strings.Join(parts, ", ") + "}"
	}
	text := strconv.Quote(n.Value)
	switch {
	case n.Quoted:
		return place + text
	case n.Value == "":
		return place + "_"
	}
	return place + text[1:len(text)-1]
}

// refused are texts that are not YAML, or not of the part that is read here, and the words said about them.
var refused = []struct{ name, text, want string }{
	{"tab indents", "a:\n  b:\n\tc: d", `3:1: a tab indents this line; YAML indents with spaces`},
	{"tab at the begin", "\ta", `1:1: a tab indents this line; YAML indents with spaces`},
	{"tab after spaces", "a:\n  \tb: d", `2:3: a tab indents this line; YAML indents with spaces`},
	{"tab after a dash", "- a\n- \tb: c", `2:2: a tab follows this dash; write a space`},
	{"two colons", "a: uprobe/libc: malloc", `1:15: ": " cannot stand in this value; quote it if the colon is part of it, or put the mapping on lines of its own`},
	{"list on the key's line", "a: - b", `1:4: a list cannot begin on this line; put its first "-" on a line of its own`},
	{"indented too deep", "a: b\n  c: d", `2:4: this line goes on with the value above it, so it can have no key; indent it like the line it belongs to`},
	{"indented unlike its neighbours", "a:\n    b: c\n  d: e", `3:3: this line is indented by 2, its neighbours above by 0`},
	{"deeper after a mapping", "a:\n  b: c\n    \"d\": e", `3:8: this line goes on with the value above it, so it can have no key; indent it like the line it belongs to`},
	{"deeper after a list", "- a: [b]\n    c: d", `2:5: this line is indented by 4, its neighbours above by 2`},
	{"item among keys", "a: b\n- c", `2:1: a list item stands among the keys of a mapping; indent it below its key`},
	{"key among items", "- a\nb: c", `2:1: this text belongs to nothing above it; indent it like its neighbours`},
	{"no colon", "a: b\nc\n", `2:2: a colon and a value are missing after the key "c"`},
	{"no space after the colon", "a: b\nc:d\n", `2:4: a colon and a value are missing after the key "c:d"`},
	{"no space after a quoted key", "\"a\":b", `1:4: a space is missing after this colon`},
	{"key over lines", "\"a\n b\": c", `2:4: a key must fit on one line`},
	{"later key over lines", "x: y\n\"a\n b\": c", `3:4: a key must fit on one line`},
	{"flow key over lines", "{a\n b: c}", `2:3: a key must fit on one line`},
	{"no key", ": a", `1:1: a key is missing before this colon`},
	{"no key in flow", "[:0]", `1:2: a value in brackets cannot begin with ':'; quote it`},
	{"question mark in flow", "[?a]", `1:2: a value in brackets cannot begin with '?'; quote it`},
	{"no space in flow", "{a:[b]}", `1:4: a space is missing after the colon`},
	{"text after a value", "a: \"b\" c", `1:8: unexpected 'c' after the value; quote the whole value if this is part of it`},
	{"text after a list", "a: [b] c", `1:8: unexpected 'c' after the value; quote the whole value if this is part of it`},
	{"open bracket", "a: [b,\nc: d", `2:2: a key and a value cannot stand here; write {key: value}, or quote the text if the colon is part of it`},
	{"open bracket at the end", "a: [b,\n", `2:1: the text ends inside [ ] or { }; a closing bracket is missing`},
	{"open brace", "{a: b", `1:6: the text ends inside [ ] or { }; a closing bracket is missing`},
	{"wrong bracket", "[a}", `1:3: expected ',' or ']', found '}'; quote the value if this is part of it`},
	{"brackets in a word", "[f[]]", `1:3: expected ',' or ']', found '['; quote the value if this is part of it`},
	{"two commas", "[a,,b]", `1:4: a plain value cannot begin with ','; quote it`},
	{"pair in a list", "[a: b]", `1:3: a key and a value cannot stand here; write {key: value}, or quote the text if the colon is part of it`},
	{"star", "exe: */nginx", `1:7: a name of letters, digits, '-' and '_' must follow '*'; quote the text if it is a value`},
	{"no space after an anchor", "a: &b[c]", `1:6: a name of letters, digits, '-' and '_' must follow '&'; quote the text if it is a value`},
	{"at", "a: @b", `1:4: a plain value cannot begin with '@'; quote it`},
	{"open double quote", "a: \"b\nc: d", `2:5: the text ends inside quotes; a closing " is missing`},
	{"open single quote", "a: 'b", `1:6: the text ends inside quotes; a closing ' is missing`},
	{"marker inside quotes", "a: 'b\n---\n'", `2:1: the text ends inside quotes; a closing ' is missing`},
	{"escape", "a: \"C:\\d\"", `1:7: unknown escape in double quotes; write \\ for a backslash, or use single quotes`},
	{"short escape", `"\u12"`, `1:2: \u must be followed by the 4 hexadecimal digits of a character`},
	{"half a surrogate pair", `"\ud83d"`, `1:2: \u must be followed by the 4 hexadecimal digits of a character`},
	{"wrong surrogate pair", `"\ud83d\u0041"`, `1:2: \u must be followed by the 4 hexadecimal digits of a character`},
	{"beyond unicode", `"\UFFFFFFFF"`, `1:2: \U must be followed by the 8 hexadecimal digits of a character`},
	{"unknown alias", "a: *b", `1:4: the alias *b has no complete anchor &b before it`},
	{"node inside itself", "a: &b [*b]", `1:8: the alias *b has no complete anchor &b before it`},
	{"two anchors", "&a &b c", `1:4: an anchor must stand before a value of its own`},
	{"anchor twice", "- &a b\n- &a c", `2:3: the anchor &a is there twice`},
	{"anchor twice, nested", "- &a [&a c]", `1:3: the anchor &a is there twice`},
	{"anchored key", "&a b: c", `1:5: ": " cannot stand in this value; quote it if the colon is part of it, or put the mapping on lines of its own`},
	{"alias as key", "*a : b", `1:1: the alias *a has no complete anchor &a before it`},
	{"list as key", "[a]: b", `1:4: only a plain or quoted word can be a key`},
	{"list as later key", "a: b\n[c]: d", `2:1: only a plain or quoted word can be a key`},
	{"explicit key", "? a\n: b", `1:1: "? key" is not read here; write key: value`},
	{"literal", "a: |\n  b", `1:4: block scalars (| and >) are not read here; write the text in double quotes`},
	{"tag", "a: !!str b", `1:4: tags (!) are not read here; quote the text if it begins with '!'`},
	{"directive", "%YAML 1.2\n---\na", `1:1: directives are not read here; remove this line`},
	{"two documents", "a: b\n---\nc: d", `2:1: a second document begins here; a manifest is one document`},
	{"only an end", "# a\n...", `2:1: the document ends here, before anything in it`},
	{"text after the end", "a\n...\nb", `3:1: this text belongs to nothing above it; indent it like its neighbours`},
	{"not utf-8", "a: é\n\xff", `2:1: byte 0xff is not UTF-8; save the file as UTF-8`},
	{"control character", "a: \x00", `1:4: the control character U+0000 may not stand here; write it as an escape in double quotes`},
	{"carriage return", "a: b\rc: d", `1:5: the control character U+000D may not stand here; write it as an escape in double quotes`},
	{"too deep", strings.Repeat("[", 1000), `1:64: nested deeper than 64 levels`},
	{"too deep in block", strings.Repeat("- ", 1000), `1:128: nested deeper than 64 levels`},
	{"too large", strings.Repeat("#", MaxSize+1), `1:1: the text has 1048577 bytes, more than the 1048576 allowed`},
	{"too many values", "[" + strings.Repeat("a,", MaxNodes) + "]", `1:400000: more than 200000 values`},
}

func TestRefused(t *testing.T) {
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			n, err := Parse([]byte(c.text))
			if err == nil {
				t.Fatalf("accepted as %s", show(n))
			}
			if err.Error() != c.want {
				t.Errorf("%.80q\nsays %s\nwant %s", c.text, err, c.want)
			}
		})
	}
}

// BenchmarkLargest reads the largest texts that repeat something: a rate far below the others means more than linear time.
func BenchmarkLargest(b *testing.B) {
	for _, unit := range []string{"a ", "- a\n", "b\n ", "\n", "\t", "#\n", "'", "'\n", "\\\n", "{", "a,", "*a,", "&a\n", "é", "---\n"} {
		for _, head := range []string{"", "a: '", "a: \"", "[", "x: &a b\ny: ["} {
			text := []byte(head + strings.Repeat(unit, (MaxSize-len(head))/len(unit)))
			b.Run(fmt.Sprintf("%q then %q", head, unit), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					Parse(text)
				}
			})
		}
	}
}

// BenchmarkManifest reads a manifest of the usual size, as the start of every traced process does.
func BenchmarkManifest(b *testing.B) {
	text := []byte("session: web\nobjects:\n  - path: latency.bpf.o\n    attach:\n" +
		"      on_entry: uprobe//usr/sbin/nginx:ngx_http_process_request\n" +
		"      on_return: [uretprobe/libc:malloc, {at: uretprobe/libc:calloc, cookie: 7}]\n" +
		"    rodata: {min_us: 100}\n    maps: {starts: {max_entries: 65536, shared: true}}\n" +
		"process: {exe: \"*/nginx\"}\non_error: continue\n")
	for b.Loop() {
		Parse(text)
	}
}
