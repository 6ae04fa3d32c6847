package attach_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/procmaps"
)

// TestMulti: a pattern is one link at every function that matches, each once
// however many names it has; those that cannot be patched are counted.
func TestMulti(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	for pattern, want := range map[string]string{
		"uprobe.multi/lib:f*":                "entry jump; sites first",
		"uprobe.multi/lib:*_alias":           "entry jump; sites first",
		"uretprobe.multi/lib:f*":             "return return-a; sites first",
		"uprobe.multi/lib:?w*n":              "entry jump; sites twin#0 twin#1",
		"uprobe.multi/lib:[ft]*":             `entry refused 1: lib.so: pattern "[ft]*": no such symbol`,
		"uprobe.multi/lib:secnod*":           `entry refused 1: lib.so: pattern "secnod*": no such symbol; did you mean second?`,
		"uprobe.multi/lib:t*y":               "entry refused 1: lib.so+0x1020: the function has 1 bytes and no padding of its own behind it: a jump takes five; the function has 1 bytes and no padding of its own behind it: a jump takes two",
		"uprobe.multi/lib:[ts][ie][nc][yo]*": `entry refused 1: lib.so: pattern "[ts][ie][nc][yo]*": no such symbol`,
		"uprobe.multi/lib:ch?sen":            `entry refused 1: lib.so: pattern "ch?sen" matches 1 IFUNCs and no other function: name one, without a pattern`,
		"uprobe.multi/lib:*":                 "entry jump refused 1: lib.so+0x1020: the function has 1 bytes and no padding of its own behind it: a jump takes five; the function has 1 bytes and no padding of its own behind it: a jump takes two; sites first second 0x1021 no_return implementation twin#0 twin#1",
		"uretprobe.multi/lib:*o*":            "return return-a refused 1: lib.so+0x1030: it reads its own return address (+0x5); and its rets cannot be patched: the ret at +0xc has no five bytes of its own; sites second 0x1021 implementation",
	} {
		p, err := b.compile(fmt.Sprintf("objects: [{gadget: funccount, args: [%q]}]", pattern))
		if err != nil {
			t.Fatal(err)
		}
		if got := linkAndSites(describe(t, p, b.dir)); got != "link funccount "+pattern+" "+want {
			t.Errorf("%s\ngot  %s\nwant %s", pattern, got, want)
		}
	}
}

// linkAndSites is a plan of one link, as describe writes it, in one line.
func linkAndSites(plan string) string {
	var link string
	var sites []string
	for line := range strings.Lines(plan) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "link ") {
			link = line
		} else if name, _, found := strings.Cut(line, " jump: "); found {
			sites = append(sites, name)
		}
	}
	if len(sites) > 0 {
		link += "; sites " + strings.Join(sites, " ")
	}
	return link
}

// TestMultiLeavesOut: what matches and is no function of the module is counted in
// the log. An IFUNC of a loaded module stands for the function that it chose.
func TestMultiLeavesOut(t *testing.T) {
	const manifest = `objects: [{gadget: funccount, args: ["uprobe.multi/lib:*s*"]}]`
	b := newBench(t)
	m := b.load(b.build("lib.so"))
	if _, err := b.compile(manifest); err != nil {
		t.Fatal(err)
	}
	b.wantLog("3 funccount uprobe.multi/lib:*s*: lib.so: 2 functions; left out: 1 IFUNCs and 1 cold parts")
	chosen, err := m.File.Lookup("implementation")
	if err != nil {
		t.Fatal(err)
	}
	b.log = nil
	b.IFunc = func(uint64) (uint64, error) { return m.Bias + chosen[0].Value, nil }
	b.want(`objects: [{gadget: funccount, args: ["uprobe.multi/lib:chos*", "uprobe.multi/lib:*e*e*n"]}]`, `link funccount uprobe.multi/lib:chos* entry jump
link funccount uprobe.multi/lib:*e*e*n entry jump
unit lib.so id `+libID+`
  implementation jump: entry 0; entry 1 cookie 1
`)
}

// TestMultiModules: a pattern is for every module that its path matches, and two of
// them may meet in a function, which then has both programs in their order.
func TestMultiModules(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so.1"))
	b.load(b.build("lib-2.so", "-Wl,--build-id=none"))
	b.want(`objects: [{gadget: funccount, args: ["uprobe.multi/lib:*s*n?", "uretprobe.multi/lib-2.so:s*", "uprobe.multi/lib:?econd"]}]`,
		`link funccount uprobe.multi/lib:*s*n? entry jump
link funccount uretprobe.multi/lib-2.so:s* return return-a
link funccount uprobe.multi/lib:?econd entry jump
unit lib.so.1 id `+libID+`
  second jump: entry 0; entry 2 cookie 2
unit lib-2.so
  second jump: entry 0; entry 2 cookie 2; return 1 cookie 1
`)
}

// TestMultiAborts: with on_error: abort a pattern is attached when some function is.
func TestMultiAborts(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	const manifest = "on_error: abort\nobjects: [{gadget: funccount, args: [%q]}]"
	for pattern, fails := range map[string]bool{"*": false, "t*": false, "t?ny": true, "x*": true} {
		b.log = nil
		p, err := b.compile(fmt.Sprintf(manifest, "uprobe.multi/lib:"+pattern))
		if fails != (err != nil) || fails != (p == nil) {
			t.Errorf("%s: %v", pattern, err)
		}
		if errors := len(b.log) > 0 && strings.HasPrefix(b.log[len(b.log)-1], "1 "); errors != fails {
			t.Errorf("%s: log %q", pattern, b.log)
		}
	}
}

// TestCookies: one for all, and others for single functions, by any of their names.
func TestCookies(t *testing.T) {
	const manifest = "objects: [{path: DIR/several.bpf.o, attach: {on_first: {at: \"uprobe.multi/lib:*\", cookie: 7, cookies: {%s}}}}]"
	b := newBench(t)
	b.object("several")
	b.load(b.build("lib.so"))
	p, err := b.compile(fmt.Sprintf(manifest, "second: 0, first_alias: 9, twin: 10"))
	if err != nil {
		t.Fatal(err)
	}
	got := describe(t, p, b.dir)
	for _, want := range []string{
		"first jump: entry 0 cookie 9 calls", "second jump: entry 0 calls", "no_return jump: entry 0 cookie 7 calls",
		"twin#0 jump: entry 0 cookie 10 calls", "twin#1 jump: entry 0 cookie 10 calls",
	} {
		if !strings.Contains(got, "  "+want) {
			t.Errorf("plan\n%swant %s", got, want)
		}
	}
	p, err = b.compile(fmt.Sprintf(manifest, "secnod: 1"))
	if want := "cookies: no function secnod is among those that match"; err != nil || p.Links[0].Why != want {
		t.Errorf("%v, %+v, want %s", err, p.Links[0], want)
	}
}

// TestNames: C++ and Rust names, as people write them: without parameters all
// overloads are meant.
func TestNames(t *testing.T) {
	b := newBench(t)
	lib := filepath.Join(b.dir, "names.so")
	if out, err := exec.Command("gcc", "-shared", "-nostdlib", "-o", lib, "testdata/names.s").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f := b.load(lib).File
	for spec, want := range map[string]string{
		"uprobe/names:ns::f":                "_ZN2ns1fEi _ZN2ns1fEPKc",
		"uretprobe/names:ns::f(int)":        "_ZN2ns1fEi",
		"uprobe/names:ns::f(char const *)":  "_ZN2ns1fEPKc",
		"uprobe/names:_ZN2ns1gEi":           "_ZN2ns1gEi",
		"uprobe/names:mylib::work":          "_ZN5mylib4work17h0123456789abcdefE",
		"uprobe/names:mylib::play":          "_RNvC5mylib4play",
		"uprobe/names:<mylib::Box>::play":   "_RNvMC5mylibNtB2_3Box4play",
		"uprobe.multi/names:~ns::?":         "_ZN2ns1fEi _ZN2ns1fEPKc _ZN2ns1gEi",
		"uprobe.multi/names:~*(int)":        "_ZN2ns1fEi _ZN2ns1gEi",
		"uprobe.multi/names:~*mylib*::play": "_RNvC5mylib4play _RNvMC5mylibNtB2_3Box4play",
		"uretprobe.multi/names:*mylib*":     "_ZN5mylib4work17h0123456789abcdefE _RNvC5mylib4play _RNvMC5mylibNtB2_3Box4play",
	} {
		p, err := b.compile(fmt.Sprintf("objects: [{gadget: funccount, args: [%q]}]", spec))
		if err != nil || len(p.Units) != 1 {
			t.Errorf("%s: %v, %+v", spec, err, p)
			continue
		}
		var got []string
		for _, x := range p.Units[0].Patches {
			got = append(got, symbolAt(f, x.Vaddr))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", spec, got, want)
		}
	}
}

func symbolAt(f *elfsym.File, vaddr uint64) string {
	all, _ := f.Glob("*")
	for _, s := range all {
		if s.Value == vaddr {
			return s.Name
		}
	}
	return fmt.Sprintf("%#x", vaddr)
}

// TestPunnedBySomebody: where somebody else's jump ends in bytes that are still the
// file's, those are not replaced.
func TestPunnedBySomebody(t *testing.T) {
	b := newBench(t)
	m := b.load(b.build("lib.so"))
	second, err := m.File.Lookup("second")
	if err != nil {
		t.Fatal(err)
	}
	text := m.File.Text()[0]
	m.Mappings = []procmaps.Mapping{{Lo: bias + text.Lo&^4095, Hi: bias + text.Hi | 4095 + 1, Read: true, Exec: true}}
	for before, refused := range map[uint64]uint32{1: 1, 4: 1, 5: 0} {
		jump := second[0].Value - before
		b.Peek = func(addr uint64, to []byte) error {
			there, err := m.File.Bytes(addr-bias, len(to))
			copy(to, there)
			if at := jump - (addr - bias); at < uint64(len(to)) {
				to[at] = 0xe9
			}
			return err
		}
		p, err := b.compile(`objects: [{gadget: funccount, args: [uprobe/lib:second]}]`)
		if err != nil || p.Links[0].Refused != refused {
			t.Errorf("a jump %d bytes before: %+v, %v", before, p, err)
		}
	}
}

// TestPatchedBySomebody: a function whose text is not the file's, or may not be
// patched, is refused by itself; the others are attached.
func TestPatchedBySomebody(t *testing.T) {
	const manifest = `objects: [{gadget: funccount, args: [uprobe/lib:first, uprobe/lib:second, "uprobe.multi/lib:f*"]}]`
	b := newBench(t)
	m := b.load(b.build("lib.so"))
	first, err := m.File.Lookup("first")
	if err != nil {
		t.Fatal(err)
	}
	text := m.File.Text()[0]
	page := procmaps.Mapping{Lo: bias + text.Lo&^4095, Hi: bias + text.Hi | 4095 + 1, Read: true, Exec: true}
	b.Peek = func(addr uint64, to []byte) error {
		there, err := m.File.Bytes(addr-bias, len(to))
		copy(to, there)
		if addr-bias == first[0].Value {
			copy(to, "\xe9\x01\x02\x03\x04")
		}
		return errors.Join(err)
	}
	for _, c := range []struct{ name, first, second string }{
		{"other bytes", "other bytes than in the file (e901020304, not b801000000): somebody else has patched here", ""},
		{"writable", "the page is rwxp, not the file's own private r-x text", "the page is rwxp, not the file's own private r-x text"},
		{"shared", "the page is r-xs, not the file's own private r-x text", "the page is r-xs, not the file's own private r-x text"},
		{"gone", "the page is not the file's own text any more", "the page is not the file's own text any more"},
	} {
		v := page
		v.Write, v.Shared = c.name == "writable", c.name == "shared"
		if m.Mappings = []procmaps.Mapping{v}; c.name == "gone" {
			m.Mappings = nil
		}
		p, err := b.compile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{c.first, c.second, c.first} {
			if why := p.Links[i].Why; why == "" && want != "" || !strings.HasSuffix(why, want) || (p.Links[i].Refused == 0) != (want == "") {
				t.Errorf("%s: link %d: %q, want %q", c.name, i, why, want)
			}
		}
	}
}
