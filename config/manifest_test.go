package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const fullManifest = `session: web                    # optional
objects:
  - path: latency.bpf.o
    attach:
      on_entry: uprobe//usr/sbin/nginx:ngx_http_process_request
      on_return: [uretprobe/libc:malloc, {at: uretprobe/libc:calloc, cookie: 7}]
      on_both: {at: uprobe.session/libc:mem*, cookie: 0}
    rodata:
      min_us: 100
      low: -9223372036854775808
      high: 0xffffffffffffffff
      mode: 0o644
      debug: true
      comm: nginx
      version: "1.5"
      pids: [1, 2]
      filter: {uid: 0, name: [a, ~a]}
    maps: {starts: {max_entries: 65536, shared: true}, .data.cold: {}}
  - gadget: funccount
    args: [uprobe/libc:malloc, 10, '']
  - path: /opt/other.bpf.o
process: {exe: "*/nginx"}
on_error: abort
traps: true
reads: guarded
`

func fullWant() *Manifest {
	at := func(s Spec, line, col int) Attachment { return Attachment{Spec: s, Pos: Pos{line, col}} }
	calloc := at(Spec{Kind: Uretprobe, Path: "libc", Symbol: "calloc"}, 6, 42)
	calloc.Cookie, calloc.HasCookie = 7, true
	both := at(Spec{Kind: UprobeSession, Path: "libc", Glob: "mem*"}, 7, 16)
	both.HasCookie = true
	return &Manifest{
		Name:    "trace.yaml",
		Dir:     "/etc/bpftime",
		Session: "web",
		Objects: []Object{{
			Path: "/etc/bpftime/latency.bpf.o",
			Attach: []Program{
				{"on_entry", []Attachment{at(Spec{Kind: Uprobe, Path: "/usr/sbin/nginx", Symbol: "ngx_http_process_request"}, 5, 17)}, Pos{5, 7}},
				{"on_return", []Attachment{at(Spec{Kind: Uretprobe, Path: "libc", Symbol: "malloc"}, 6, 19), calloc}, Pos{6, 7}},
				{"on_both", []Attachment{both}, Pos{7, 7}},
			},
			Rodata: []Constant{
				{"min_us", uint64(100), Pos{9, 15}},
				{"low", int64(-1 << 63), Pos{10, 12}},
				{"high", uint64(1<<64 - 1), Pos{11, 13}},
				{"mode", uint64(0o644), Pos{12, 13}},
				{"debug", true, Pos{13, 14}},
				{"comm", "nginx", Pos{14, 13}},
				{"version", "1.5", Pos{15, 16}},
				{"pids", []any{uint64(1), uint64(2)}, Pos{16, 13}},
				{"filter", []Constant{{"uid", uint64(0), Pos{17, 21}}, {"name", []any{"a", "~a"}, Pos{17, 30}}}, Pos{17, 15}},
			},
			Maps: []Map{
				{Name: "starts", MaxEntries: 65536, Shared: true, Pos: Pos{18, 12}},
				{Name: ".data.cold", Pos: Pos{18, 56}},
			},
			Pos: Pos{3, 5},
		}, {
			Gadget: "funccount",
			Args:   []string{"uprobe/libc:malloc", "10", ""},
			Pos:    Pos{19, 5},
		}, {
			Path: "/opt/other.bpf.o",
			Pos:  Pos{21, 5},
		}},
		Process: Process{Exe: "*/nginx"},
		OnError: Abort,
		Traps:   true,
		Reads:   ReadsGuarded,
	}
}

func TestParse(t *testing.T) {
	got, err := Parse("trace.yaml", "/etc/bpftime", []byte(fullManifest))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullWant(), got); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
}

func TestParseJSON(t *testing.T) {
	got, err := Parse("x", "/", []byte(`{"objects":[{"path":"a\/b.o","rodata":{"n":-1,"s":"\ud83d\ude00"}}],"on_error":"continue"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Manifest{Name: "x", Dir: "/", Objects: []Object{{
		Path:   "/a/b.o",
		Rodata: []Constant{{"n", int64(-1), Pos{1, 44}}, {"s", "😀", Pos{1, 51}}},
		Pos:    Pos{1, 13},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
}

// An alias stands for the whole value: here one list of places for two programs of two objects.
func TestParseAlias(t *testing.T) {
	got, err := Parse("x", "/", []byte("objects:\n- path: a\n  attach: {p: &at [uprobe/libc:malloc]}\n- path: b\n  attach: {q: *at}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := got.Objects[0].Attach[0].At, got.Objects[1].Attach[0].At; !cmp.Equal(a, b) || len(a) != 1 {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestParseRelativeDirectory(t *testing.T) {
	_, err := Parse("trace.yaml", "etc", []byte("objects: [{path: a}]"))
	if want := `trace.yaml: the directory "etc" that its paths begin at is not absolute`; err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestErrorsUnwrap(t *testing.T) {
	_, err := Parse("trace.yaml", "/", []byte("a: 1\nb: 2\nobjects: [{path: x}]"))
	var one *Error
	if !errors.As(err, &one) || one.File != "trace.yaml" || one.Pos != (Pos{1, 1}) || one.Msg != `unknown key "a"` {
		t.Errorf("the first mistake is %+v", one)
	}
}

// Aliases of aliases: 2 KiB of text that unfold to 9^40 attachments, or to a chain of ten thousand nested lists.
func TestAliasBombs(t *testing.T) {
	var wide, deep strings.Builder
	wide.WriteString("objects:\n- path: a\n  rodata:\n    a0: &a0 [1]\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&wide, "    a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	deep.WriteString("objects:\n- path: a\n  rodata:\n    a0: &a0 [1]\n")
	for i := 1; i < 10000; i++ {
		fmt.Fprintf(&deep, "    a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	many := "objects:\n- path: a\n  attach: &a {p: [" + strings.Repeat("uprobe/c:f,", 20000) + "]}\n" + strings.Repeat("- {path: b, attach: *a}\n", 20000)
	for name, text := range map[string]string{"wide": wide.String(), "deep": deep.String(), "many": many} {
		_, err := Parse("x", "/", []byte(text))
		found := Errors(nil)
		if !errors.As(err, &found) || len(found) > MaxErrors {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if last := found[len(found)-1].Msg; name == "many" && last != "the aliases unfold to more than 200000 values" {
			t.Errorf("many: %s", last)
		}
	}
}

func TestParseTooLarge(t *testing.T) {
	_, err := Parse("x", "/", make([]byte, MaxSize+1))
	if want := "x:1:1: the text has 1048577 bytes, more than the 1048576 allowed"; err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestCheckSession(t *testing.T) {
	for name, want := range map[string]bool{
		"web": true, "a": true, "Web-1_b.c": true, "-": true, "0": true, strings.Repeat("a", 64): true,
		"": false, ".": false, "..": false, ".web": false, "a/b": false, "a b": false, "é": false, "a\x00": false, "a\n": false, strings.Repeat("a", 65): false,
	} {
		if err := CheckSession(name); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestObjectNames(t *testing.T) {
	m := &Manifest{Objects: []Object{
		{Path: "/a/latency.bpf.o"}, {Path: "/b/latency.o"}, {Gadget: "funccount"}, {Gadget: "funccount"}, {Path: "/c/latency.bpf.o"},
		{Path: "/a/latency-2.o"}, {Path: "/a/we ird\n.o"}, {Path: "/a/.o"}, {Path: "/a/..bpf.o"}, {Path: "/a/v1.2.bpf.o"}, {Path: "/"},
	}}
	want := []string{"latency", "latency-2", "funccount", "funccount-2", "latency-3", "latency-2-2", "we_ird_", "_", "_-2", "v1.2", "_-3"}
	if diff := cmp.Diff(want, m.ObjectNames()); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
}

// ignorePlaces compares manifests apart from where things stood.
var ignorePlaces = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type() == reflect.TypeFor[Pos]() }, cmp.Ignore()),
}

// FuzzParse holds that a text is either told its mistakes, each at a place in it, or read to a manifest that Inline writes and
// Parse reads again.
func FuzzParse(f *testing.F) {
	f.Add(fullManifest)
	f.Add(`{"objects":[{"path":"a","attach":{"p":["uprobe/libc:malloc"]}}]}`)
	f.Add("objects: [{gadget: x, args: [&a b, *a]}]\nsession: '..'")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse("x", "/d", []byte(text))
		if err != nil {
			checkErrors(t, text, err)
			return
		}
		line, err := m.Inline()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("x", "/d", []byte(line))
		if err != nil {
			t.Fatalf("%q is written\n%s\n%v", text, line, err)
		}
		if diff := cmp.Diff(m, again, ignorePlaces); diff != "" {
			t.Fatalf("%q is written\n%s\n%s", text, line, diff)
		}
	})
}

func checkErrors(t *testing.T, text string, err error) {
	found := Errors(nil)
	if !errors.As(err, &found) || len(found) == 0 || len(found) > MaxErrors {
		t.Fatalf("%q: %v", text, err)
	}
	lines := strings.Split(text, "\n")
	for _, e := range found {
		if e.Pos.Line < 1 || e.Pos.Line > len(lines) || e.Pos.Col < 1 || e.Pos.Col > len(lines[e.Pos.Line-1])+1 || e.Msg == "" {
			t.Errorf("%q: no such place: %v", text, e)
		}
	}
}

// BenchmarkParse reads a manifest of the usual size; the start of every traced process pays for one, cold.
func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("trace.yaml", "/etc/bpftime", []byte(fullManifest)); err != nil {
			b.Fatal(err)
		}
	}
}
