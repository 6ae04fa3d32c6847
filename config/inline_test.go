package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInline(t *testing.T) {
	m, err := Parse("trace.yaml", "/etc/bpftime", []byte(fullManifest))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{process: {exe: "*/nginx"}, session: "web", traps: true, reads: guarded, on_error: abort, objects: [` +
		`{path: "/etc/bpftime/latency.bpf.o", attach: {` +
		`"on_entry": [{at: "uprobe//usr/sbin/nginx:ngx_http_process_request"}], ` +
		`"on_return": [{at: "uretprobe/libc:malloc"}, {at: "uretprobe/libc:calloc", cookie: 7}], ` +
		`"on_both": [{at: "uprobe.session/libc:mem*", cookie: 0}]}, ` +
		`rodata: {"min_us": 100, "low": -9223372036854775808, "high": 18446744073709551615, "mode": 420, "debug": true, ` +
		`"comm": "nginx", "version": "1.5", "pids": [1, 2], "filter": {"uid": 0, "name": ["a", "~a"]}}, ` +
		`maps: {"starts": {shared: true, max_entries: 65536}, ".data.cold": {shared: false}}}, ` +
		`{gadget: "funccount", args: ["uprobe/libc:malloc", "10", ""]}, ` +
		`{path: "/opt/other.bpf.o"}]}`
	got, err := m.Inline()
	if err != nil || got != want {
		t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
	}
	again, err := Parse("trace.yaml", "/etc/bpftime", []byte(got))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, again, ignorePlaces); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
}

func TestInlineEscapes(t *testing.T) {
	m := &Manifest{Objects: []Object{{Gadget: "g", Args: []string{"\"\\", "é😀", "\t", "\ufeff"}}}}
	const want = `{on_error: continue, objects: [{gadget: "g", args: ["\"\\", "\U000000e9\U0001f600", "\U00000009", "\U0000feff"]}]}`
	if got, err := m.Inline(); err != nil || got != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}

func TestInlineRefusesOtherThanUTF8(t *testing.T) {
	m := &Manifest{Objects: []Object{{Gadget: "g", Args: []string{"a\xff"}}}}
	_, err := m.Inline()
	if want := `"a\xff" is not UTF-8, so it cannot be part of a manifest`; err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestMerge(t *testing.T) {
	a := &Manifest{Name: "a.yaml", Dir: "/a", Session: "web", Objects: []Object{{Path: "/a/x.o"}}}
	b := &Manifest{Name: "b.yaml", Dir: "/b", Process: Process{"*/nginx"}, OnError: Abort, Traps: true, Reads: ReadsGuarded, Syscalls: SyscallsComplete, Objects: []Object{{Gadget: "g"}}}
	got, err := Merge(a, b)
	want := &Manifest{Name: "a.yaml", Dir: "/a", Session: "web", Process: Process{"*/nginx"}, OnError: Abort, Traps: true, Reads: ReadsGuarded, Syscalls: SyscallsComplete,
		Objects: []Object{{Path: "/a/x.o"}, {Gadget: "g"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, "want -, got +\n"+diff)
	}
	if len(a.Objects) != 1 {
		t.Error("Merge changed its argument")
	}
}

func TestMergeDisagreement(t *testing.T) {
	for _, c := range []struct {
		a, b Manifest
		want string
	}{
		{Manifest{Name: "a", Session: "x"}, Manifest{Name: "b", Session: "y"},
			`b: session is "y", but "x" in a manifest before it; remove one or run them apart`},
		{Manifest{Name: "a", Process: Process{"x"}}, Manifest{Name: "b", Process: Process{"y"}},
			`b: process exe is "y", but "x" in a manifest before it; remove one or run them apart`},
	} {
		if _, err := Merge(&c.a, &c.b); err == nil || err.Error() != c.want {
			t.Errorf("says %v\nwant %s", err, c.want)
		}
	}
	if _, err := Merge(); err == nil || !strings.Contains(err.Error(), "no manifest") {
		t.Errorf("nothing merged: %v", err)
	}
}
