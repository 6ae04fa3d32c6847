package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/vm/object"
)

// toured makes a session web with the maps of testdata/tour.bpf.o as the agent would,
// with its types unless they are not wanted; nobody has written to them.
func toured(t *testing.T, typed bool) *user {
	t.Helper()
	u := newUser(t)
	u.must("run", "-s", "web", "funccount", "uprobe/libc:getppid", "--", "true")
	spec, err := object.LoadFile("testdata/tour.bpf.o")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(u.rundir, "web")
	for _, m := range spec.Maps {
		path := filepath.Join(dir, "maps", "tour."+strings.TrimPrefix(m.Name, "."))
		s := maps.Spec{Type: maps.Type(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags}
		if err := maps.MakeFilled(path, s, m.Contents); err != nil {
			t.Fatal(err)
		}
	}
	if !typed {
		return u
	}
	raw, err := spec.MarshalBTF()
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "btf"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "btf", "tour"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestMap: what is written by its type is shown by its type, in every form.
func TestMap(t *testing.T) {
	u := toured(t, true)
	u.golden("maplist.txt", regexp.MustCompile(` +\d+  web `).ReplaceAllString(u.must("map", "list").stdout, "  N  web "))
	u.golden("maplist.json", u.must("map", "list", "--json").stdout)
	for _, args := range [][]string{
		{"calls", `{"comm": "sort", "kind": "ENTRY"}`, `{"calls": 7, "last": -3, "slots": [1, 2, 4]}`},
		{"calls", `{"comm": "a\"b", "kind": 9}`, `{"calls": 9}`},
		{"tour.by_kind", "RETURN", "5"},
		{"web/by_kind", "ENTRY", "0x10"},
		{"--", "web/tour.config", "3", "-42"},
		{"dist", "2", "5"},
		{"dist", "3", "40"},
		{".bss", "0", "hex:00000000000000000700000000000000"},
	} {
		if r := u.must(append([]string{"map", "update"}, args...)...); r.stdout+r.stderr != "" {
			t.Errorf("update %v: %s%s", args, r.stdout, r.stderr)
		}
	}
	for _, name := range []string{"calls", "by_kind", "config", "dist", "bss", "data", "rodata"} {
		u.golden("map-"+name+".txt", u.must("map", "dump", name).stdout)
		u.golden("map-"+name+".json", u.must("map", "dump", name, "--json").stdout)
	}
	for _, c := range []struct{ args, text, json string }{
		{"by_kind RETURN", "5\n", `{"key":"RETURN","value":5}`},
		{"config 0", "0\n", `{"key":0,"value":0}`},
		{"tour.config 3", "-42\n", `{"key":3,"value":-42}`},
		{`calls {"comm":"sort","kind":1}`, "{calls: 7, last: -3}\n     value               : count    distribution\n", `{"key":{"comm":"sort","kind":"ENTRY"},"value":{"calls":7,"last":-3,"slots":[1,2,4,0,0,0,0,0]}}`},
		{"bss 0", "{unused_event: 0x0, total: 7}\n", `{"key":0,"value":{"unused_event":0,"total":7}}`},
	} {
		args := append([]string{"map", "lookup"}, strings.Fields(c.args)...)
		if got := u.must(args...).stdout; !strings.HasPrefix(got, c.text) {
			t.Errorf("%s: %s\nwant %s", c.args, got, c.text)
		}
		if got := u.must(append(args, "--json")...).stdout; !strings.HasPrefix(got, c.json) {
			t.Errorf("%s: %s\nwant %s", c.args, got, c.json)
		}
	}
	u.must("map", "delete", "by_kind", "RETURN")
	u.must("map", "update", "--exist", "by_kind", "ENTRY", "3")
	if got := u.must("map", "dump", "by_kind").stdout; got != "tour.by_kind  percpu_hash of 16, 1 used\n  VALUE  KEY\n      3  ENTRY\n" {
		t.Error(got)
	}
}

// TestMapUntyped: without types there are numbers and bytes.
func TestMapUntyped(t *testing.T) {
	u := toured(t, false)
	for _, args := range [][]string{
		{"calls", "hex:736f727400000000000000000000000001000000", "hex:" + strings.Repeat("0102", 24)},
		{"by_kind", "2", "5"},
		{"config", "3", "0xffffffff"},
	} {
		u.must(append([]string{"map", "update"}, args...)...)
	}
	for name, want := range map[string]string{
		"calls":   "tour.calls  hash of 64, 1 used\n  hex:736f727400000000000000000000000001000000:\n  hex:" + strings.Repeat("0102", 24) + "\n",
		"by_kind": "tour.by_kind  percpu_hash of 16, 1 used\n  VALUE  KEY\n      5  2\n",
		"config":  "tour.config  array of 4\n  KEY       VALUE\n    3  4294967295\n",
		"dist":    "tour.dist  percpu_array of 16, all zero\n",
		"rodata":  "tour.rodata  array of 1\n",
	} {
		if got := u.must("map", "dump", name).stdout; !strings.HasPrefix(got, want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestMapFails: each mistake is told by what was written and what would do.
func TestMapFails(t *testing.T) {
	u := toured(t, true)
	other := maps.Spec{Type: maps.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	if err := maps.Make(filepath.Join(u.rundir, "web", "maps", "other.calls"), other); err != nil {
		t.Fatal(err)
	}
	u.must("map", "update", "other.calls", "1", "1")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dump", "starts"}, `no map "starts"; there are other.calls, tour.bss, tour.by_kind, tour.calls, tour.config, tour.data, tour.dist, tour.events, tour.rodata`},
		{[]string{"dump", "tour.cals"}, `no map "tour.cals"; did you mean "tour.calls"?`},
		{[]string{"dump", "calls"}, `"calls" may be other.calls or tour.calls: name one`},
		{[]string{"dump", "web2/config"}, `no session "web2" in DIR/rundir; did you mean "web"?`},
		{[]string{"dump", "-s", "no", "config"}, `no session "no" in DIR/rundir; there are web`},
		{[]string{"dump", "events"}, "tour.events is a ring buffer: bpftime events shows its records"},
		{[]string{"lookup", "events", "0"}, "tour.events is a ring buffer, it has no keys: bpftime events shows its records"},
		{[]string{"lookup", "config", "4"}, "tour.config has the keys 0 to 3, not 4"},
		{[]string{"lookup", "config", "x"}, `tour.config: key: "x" is no number from 0 on`},
		{[]string{"lookup", "by_kind", "RETURN"}, "tour.by_kind has no key RETURN"},
		{[]string{"lookup", "by_kind", "OPEN"}, `tour.by_kind: key: "OPEN" is neither a number nor a value of enum kind`},
		{[]string{"lookup", "tour.calls", "sort"}, `tour.calls: key: "sort": a struct is written {"comm": …, "kind": …}`},
		{[]string{"update", "config", "4", "0"}, "tour.config has the keys 0 to 3, not 4"},
		{[]string{"update", "config", "1", "3000000000"}, "tour.config: value: 3000000000 does not fit into 4 bytes"},
		{[]string{"update", "--exist", "by_kind", "RETURN", "1"}, "tour.by_kind has no key RETURN"},
		{[]string{"update", "--noexist", "other.calls", "1", "1"}, "other.calls has the key 1 already"},
		{[]string{"update", "other.calls", "2", "1"}, "other.calls is full: it has 1 entries; delete some, or set max_entries in the manifest"},
		{[]string{"update", "rodata", "0", "hex:00"}, ""},
		{[]string{"delete", "config", "1"}, "tour.config is an array: its keys cannot be deleted, set the value to 0"},
		{[]string{"delete", "by_kind", "RETURN"}, "tour.by_kind has no key RETURN"},
	} {
		r := u.run(append([]string{"map"}, c.args...)...)
		if r.code != 1 || r.stdout != "" || c.want != "" && u.normal(r.stderr) != "bpftime: "+c.want+"\n" {
			t.Errorf("%v: exit code %d, standard output %q, error\n%swant %s", c.args, r.code, r.stdout, u.normal(r.stderr), c.want)
		}
	}
	if r := u.run("map", "update", "--exist", "--noexist", "config", "0", "0"); r.code != 2 {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// TestMapBroken: files that are no maps are told about, and the others are shown.
func TestMapBroken(t *testing.T) {
	u := toured(t, true)
	for _, name := range []string{"maps/text", "btf/tour"} {
		if err := os.WriteFile(filepath.Join(u.rundir, "web", name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := u.must("map", "list", "--json")
	var got struct{ Maps []mapView }
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || len(got.Maps) != 8 || got.Maps[0].KeyType != "" {
		t.Errorf("%v: %s", err, r.stdout)
	}
	if !strings.Contains(r.stderr, "bpftime: types of tour: ") || !strings.Contains(r.stderr, "maps/text: ") {
		t.Errorf("standard error %s", r.stderr)
	}
}

// TestPrintMost: a report shows the greatest entries of a large map.
func TestPrintMost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	if err := maps.Make(path, maps.Spec{Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 100}); err != nil {
		t.Fatal(err)
	}
	w, err := maps.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range 100 {
		key, _ := show.Encode(nil, 4, "7")
		key[1] = byte(i)
		value, _ := show.Encode(nil, 8, "1000")
		value[0] = byte(i)
		if err := w.Update(key, value, maps.Any); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := (&openMap{name: "o.m", Map: w}).print(&b, 3); err != nil {
		t.Fatal(err)
	}
	const want = "o.m  hash of 100, 100 used\n  VALUE  KEY\n    867  25351\n    866  25095\n    865  24839\n  and 97 more\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}
