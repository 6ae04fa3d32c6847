package attach_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/attach"
	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// bench is a directory with libraries in it, and a request about them.
type bench struct {
	*testing.T
	dir string
	attach.Request
	log    []string
	limits int // how often the log said verifier.Limits
}

const bias = 0x7f0000000000

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, dir: t.TempDir()}
	b.Request = attach.Request{Dir: filepath.Join(b.dir, "session"), Log: b.note}
	if err := os.MkdirAll(filepath.Join(b.Dir, "maps"), 0o700); err != nil {
		t.Fatal(err)
	}
	return b
}

// note keeps a line of the log. What the verifier does not promise is said whenever
// a program is compiled: it is counted apart.
func (b *bench) note(level uint32, line string) {
	if line == verifier.Limits && level == abi.LEVEL_INFO {
		b.limits++
		return
	}
	b.log = append(b.log, fmt.Sprint(level, " ", strings.ReplaceAll(line, b.dir+"/", "")))
}

// build makes NAME of testdata/lib.s.
func (b *bench) build(name string, flags ...string) string {
	b.Helper()
	path := filepath.Join(b.dir, name)
	args := append([]string{"-shared", "-nostdlib", "-Wl,--build-id=0x0123456789abcdef", "-o", path, "testdata/lib.s", "testdata/twin.s"}, flags...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// load adds a file to the modules of the process, as if it lay at bias.
func (b *bench) load(path string) *elfsym.Module {
	b.Helper()
	f, err := elfsym.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	m := &elfsym.Module{Path: path, File: f, Bias: bias, Lo: bias + f.LoadBase(), Hi: bias + f.LoadEnd()}
	b.Modules = append(b.Modules, m)
	return m
}

// compile compiles a manifest, in which DIR stands for the directory.
func (b *bench) compile(manifest string) (*plan.Plan, error) {
	b.Helper()
	m, err := config.Parse("m.yaml", "/", []byte(strings.ReplaceAll(manifest, "DIR", b.dir)))
	if err != nil {
		b.Fatal(err)
	}
	b.Manifest = m
	return attach.Compile(b.Request)
}

// want compiles a manifest and compares the plan, as describe writes it.
func (b *bench) want(manifest, want string) {
	b.Helper()
	p, err := b.compile(manifest)
	if err != nil {
		b.Fatal(err)
	}
	if got := describe(b.T, p, b.dir); got != want {
		b.Errorf("plan\n%swant\n%s", got, want)
	}
	if len(b.log) > 0 {
		b.Errorf("log %q", b.log)
	}
}

// wantError compiles a manifest that has no plan.
func (b *bench) wantError(manifest, want string) error {
	b.Helper()
	p, err := b.compile(manifest)
	if p != nil || err == nil || strings.ReplaceAll(err.Error(), b.dir+"/", "") != want {
		b.Errorf("error %v\nwant  %s", err, want)
	}
	return err
}

// libID is the build-id of build.
const libID = "0123456789abcdef"

// TestOrder: programs run in the order of the manifest, its objects one after the
// other, and every function is patched once.
func TestOrder(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.want(`objects:
- {gadget: funcsum, args: [uprobe/lib:second, uprobe/lib:first]}
- {gadget: funccount, args: [uprobe/lib:first, uprobe/lib.so:first, "uprobe/DIR/lib.so:second"]}
`, `link funcsum.on_entry uprobe/lib:second entry jump
link funcsum.on_entry uprobe/lib:first entry jump
link funccount uprobe/lib:first entry jump
link funccount uprobe/lib.so:first entry jump
link funccount uprobe/lib.so:second entry jump
map session/maps/funcsum.sums 36864
unit lib.so id `+libID+`
  second jump: entry 0 calls 1 map 0; entry 4 cookie 2
  first jump: entry 1 cookie 1 calls 1 map 0; entry 2; entry 3 cookie 1
`)
}

// TestAliases: two names of one address are one site.
func TestAliases(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.want(`objects: [{gadget: funccount, args: [uprobe/lib:first_alias, uprobe/lib:second, uprobe/lib:first]}]`,
		`link funccount uprobe/lib:first_alias entry jump
link funccount uprobe/lib:second entry jump
link funccount uprobe/lib:first entry jump
unit lib.so id `+libID+`
  first jump: entry 0; entry 2 cookie 2
  second jump: entry 1 cookie 1
`)
}

// TestEntryAndReturn: both halves of one function share its patch, whichever comes
// first; a return that is refused leaves the entry.
func TestEntryAndReturn(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.want(`objects: [{gadget: funccount, args: [uretprobe/lib:first, uprobe/lib:first, uretprobe/lib:second,
  uprobe/lib:no_return, uretprobe/lib:no_return, uretprobe/lib:first_alias]}]`,
		`link funccount uretprobe/lib:first return return-a
link funccount uprobe/lib:first entry jump
link funccount uretprobe/lib:second return return-a
link funccount uprobe/lib:no_return entry jump
link funccount uretprobe/lib:no_return return refused 1: lib.so+0x1030: it reads its own return address (+0x5); and its rets cannot be patched: the ret at +0xc has no five bytes of its own
link funccount uretprobe/lib:first_alias return return-a
unit lib.so id `+libID+`
  first jump: entry 1 cookie 1; return 0; return 5 cookie 5
  second jump: return 2 cookie 2
  no_return jump: entry 3 cookie 3
`)
}

// TestObjectsOfOneName: each object has its own map and its own links.
func TestObjectsOfOneName(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.want(`objects:
- {gadget: funcsum, args: [uprobe/lib:first]}
- {gadget: funcsum, args: [uprobe/lib:first, uretprobe/lib:second]}
`, `link funcsum.on_entry uprobe/lib:first entry jump
link funcsum-2.on_entry uprobe/lib:first entry jump
link funcsum-2.on_return uretprobe/lib:second return return-a
map session/maps/funcsum.sums 36864
map session/maps/funcsum-2.sums 36864
unit lib.so id `+libID+`
  first jump: entry 0 calls 1 map 0; entry 1 calls 1 map 1
  second jump: return 2 cookie 1 calls 1 map 1
`)
}

// TestModules: one specification may mean several files; each has a unit.
func TestModules(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so.1"))
	other := b.load(b.build("lib-2.so", "-Wl,--build-id=none"))
	other.Main = true
	b.want(`objects: [{gadget: funccount, args: [uprobe/lib:first, uprobe//proc/self/exe:second, uprobe/lib:tiny]}]`,
		`link funccount uprobe/lib:first entry jump
link funccount uprobe//proc/self/exe:second entry jump
link funccount uprobe/lib:tiny entry refused 2: lib-2.so+0x1020: the function has 1 bytes and no padding of its own behind it: a jump takes five; the function has 1 bytes and no padding of its own behind it: a jump takes two
unit lib.so.1 id `+libID+`
  first jump: entry 0
unit lib-2.so
  first jump: entry 0
  second jump: entry 1 cookie 1
`)
	b.wantError("{on_error: abort, objects: [{gadget: funcsum, args: [uprobe/lib:first, uprobe/lib:tiny]}]}",
		"on_error: abort: 1 of 2 specifications cannot be attached")
}

// TestLoadedTwice: an applier finds both copies of a file, so that one unit is for
// both.
func TestLoadedTwice(t *testing.T) {
	b := newBench(t)
	again := *b.load(b.build("lib.so"))
	again.Bias, again.Lo, again.Hi = again.Bias+1<<30, again.Lo+1<<30, again.Hi+1<<30
	b.Modules = append(b.Modules, &again)
	b.want(`objects: [{gadget: funccount, args: [uprobe/lib:first]}]`,
		`link funccount uprobe/lib:first entry jump
unit lib.so id `+libID+`
  first jump: entry 0
`)
}

// TestBuildIDs: what a plan has no room for is no reason to have none; the file is
// known by its path then.
func TestBuildIDs(t *testing.T) {
	for flag, want := range map[string]string{
		"none":                          "",
		"0x01020304":                    " id 01020304",
		"0x" + strings.Repeat("ab", 32): " id " + strings.Repeat("ab", 32),
		"0x" + strings.Repeat("ab", 36): "",
	} {
		b := newBench(t)
		b.load(b.build("lib.so", "-Wl,--build-id="+flag))
		b.want(`objects: [{gadget: funccount, args: [uprobe/lib:first]}]`, `link funccount uprobe/lib:first entry jump
unit lib.so`+want+`
  first jump: entry 0
`)
	}
}

// TestSymbols: names that mean nothing here, or more than one function.
func TestSymbols(t *testing.T) {
	const head = "objects: [{gadget: funccount, args: [\"uprobe/lib:%s\"]}]"
	for symbol, c := range map[string]struct{ link, unit string }{
		"frist": {link: "refused 1: lib.so: symbol \"frist\": no such symbol; did you mean first?"},
		"xyzzy": {link: "refused 1: lib.so: symbol \"xyzzy\": no such symbol"},
		"tiny":  {link: "refused 1: lib.so+0x1020: the function has 1 bytes and no padding of its own behind it: a jump takes five; the function has 1 bytes and no padding of its own behind it: a jump takes two"},
		"twin": {link: "jump", unit: "unit lib.so id " + libID + "\n" +
			"  twin#0 jump: entry 0\n  twin#1 jump: entry 0\n"},
		"first.cold": {link: "refused 1: first.cold is a cold part, entered by a jump out of its function: probe the function"},
		"second+0x0": {link: "jump", unit: "unit lib.so id " + libID + "\n  second jump: entry 0\n"},
		"second+0x5": {link: "padding", unit: "unit lib.so id " + libID + "\n  second+0x5 padding: offset 0\n"},
		"second+0x4": {link: "refused 1: lib.so+0x1014: no instruction begins at +0x4: one begins at +0x0, the next at +0x5"},
		"second+0x8": {link: "refused 1: second ends at +0x8: +0x8 is not in it"},
	} {
		t.Run(symbol, func(t *testing.T) {
			b := newBench(t)
			b.load(b.build("lib.so"))
			b.want(fmt.Sprintf(head, symbol), "link funccount uprobe/lib:"+symbol+" entry "+c.link+"\n"+c.unit)
		})
	}
}

// TestStripped: a stripped file still has what it exports.
func TestStripped(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so", "-s"))
	b.want(`objects: [{gadget: funccount, args: [uprobe/lib:twin, uprobe/lib:second]}]`,
		`link funccount uprobe/lib:twin entry refused 1: lib.so: symbol "twin": no such symbol (the file is stripped: only what it exports has a name)
link funccount uprobe/lib:second entry jump
unit lib.so id `+libID+`
  second jump: entry 1 cookie 1
`)
}

// TestSpecifications: what cannot be attached is refused one by one. A file that makes no
// system call is not touched for programs at those.
func TestSpecifications(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.want(`objects: [{gadget: funccount, args: [usdt/lib:p:n, kretsyscall/openat, "uprobe.session/lib:firs?", "lib:first"]}]`,
		`link funccount usdt/lib:p:n entry refused 1: lib.so: USDT p:n: no such symbol (the file has no such notes)
link funccount kretsyscall/openat return
link funccount uprobe.session/lib:firs? entry jump+return-a
link funccount uprobe/lib:first entry jump
unit lib.so id `+libID+`
  first jump: entry 2 cookie 2; entry 3 cookie 3; return 2 cookie 2
`)
}

// TestMalformed: a text that is no specification is a mistake in the manifest,
// whatever on_error says. A gadget's arguments are judged here, those of attach by
// config.
func TestMalformed(t *testing.T) {
	for arg, want := range map[string]string{
		"uprobe":     `"uprobe": nothing is named to attach to; write uprobe/libc:malloc`,
		"uprobe:f":   `"uprobe:f": a '/' must follow the kind uprobe; write uprobe/f`,
		"uprob/lib:": `"uprob/lib:": unknown kind "uprob"; did you mean "uprobe"?`,
		"first":      `"first": unknown kind "first"; known: uprobe, uretprobe, uprobe.multi, uretprobe.multi, uprobe.session, usdt, tracepoint, tp, raw_tracepoint, raw_tp, tp_btf, ksyscall, kretsyscall`,
	} {
		newBench(t).wantError("objects:\n- gadget: funccount\n  args: [uprobe/lib:first, \""+arg+"\"]\n",
			"m.yaml:2:3: funccount: "+want+"; use: funccount SPEC…")
	}
}

// TestUnreadable: a module whose file is not what is mapped.
func TestUnreadable(t *testing.T) {
	b := newBench(t)
	b.Modules = append(b.Modules, &elfsym.Module{Path: "/usr/lib/lib.so", Lo: bias, Hi: bias + 4096,
		Err: fmt.Errorf("/usr/lib/lib.so: deleted: %w", elfsym.ErrReplaced)})
	b.want(`objects: [{gadget: funccount, args: [uprobe/lib:first]}]`,
		`link funccount uprobe/lib:first entry refused 1: /usr/lib/lib.so: deleted: the file on disk is not the one that is mapped
`)
}

// TestDetours: a jump to padding beside the function is tried when all other sites
// have what they need; crowded comes last though it is named first.
func TestDetours(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so", "testdata/crowded.s"))
	b.want(`objects: [{gadget: funccount, args: [uprobe/lib:crowded, uprobe/lib:short]}]`,
		`link funccount uprobe/lib:crowded entry short
link funccount uprobe/lib:short entry padding
unit lib.so id `+libID+`
  short padding: entry 1 cookie 1
  short+5 short: -> crowded
  crowded short: entry 0
`)
}

// TestOnError: what cannot be attached stops the others only with on_error: abort,
// and is told to the log then, since there will be no link to read it from.
func TestOnError(t *testing.T) {
	const objects = "objects: [{gadget: funccount, args: [uprobe/lib:first, uprobe/lib:frist, uprobe/lib:tiny, uprobe/lib:second]}]\n"
	b := newBench(t)
	b.load(b.build("lib.so"))
	p, err := b.compile(objects + "on_error: continue")
	if err != nil || p.Abort || len(p.Units) != 1 || len(p.Units[0].Patches) != 2 {
		t.Errorf("continue: %+v, %v", p, err)
	}
	b.log = nil
	err = b.wantError(objects+"on_error: abort", "on_error: abort: 2 of 4 specifications cannot be attached")
	if !errors.Is(err, attach.ErrAborted) {
		t.Error("it is not ErrAborted")
	}
	want := []string{
		`1 funccount uprobe/lib:frist: lib.so: symbol "frist": no such symbol; did you mean first?`,
		"1 funccount uprobe/lib:tiny: lib.so+0x1020: the function has 1 bytes and no padding of its own behind it: a jump takes five; the function has 1 bytes and no padding of its own behind it: a jump takes two",
	}
	if strings.Join(b.log, "\n") != strings.Join(want, "\n") {
		t.Errorf("log\n%s\nwant\n%s", strings.Join(b.log, "\n"), strings.Join(want, "\n"))
	}
	b.log = nil
	if p, err := b.compile("objects: [{gadget: funcsum, args: [uprobe/lib:first, uprobe/later:f]}]\non_error: abort"); err != nil || !p.Abort || len(p.Units) != 1 {
		t.Errorf("nothing to abort for: %+v, %v", p, err)
	}
}

// TestGadgetNames: gadgets that there are not, or with nothing to do. Without its
// object a manifest has no plan.
func TestGadgetNames(t *testing.T) {
	for manifest, want := range map[string]string{
		"objects:\n- {gadget: funcount, args: [uprobe/libc:malloc]}":                 `m.yaml:2:3: unknown gadget "funcount": there are execsnoop, funccount, funclatency, funcsum, mallocs, opensnoop, syscount`,
		"objects:\n- {gadget: funccount, args: [uprobe/lib:x]}\n- {gadget: funcsum}": "m.yaml:3:3: funcsum: nothing to attach to; use: funcsum SPEC…",
	} {
		newBench(t).wantError(manifest, want)
	}
}

// TestMapFiles: where the session has another map of that name, or no room for it,
// the programs that use it are refused, and no others.
func TestMapFiles(t *testing.T) {
	const manifest = "objects: [{gadget: funcsum, args: [%s]}, {gadget: funccount, args: [uprobe/lib:first]}]"
	b := newBench(t)
	b.load(b.build("lib.so"))
	one, two := fmt.Sprintf(manifest, "uprobe/lib:first"), fmt.Sprintf(manifest, "uprobe/lib:first, uretprobe/lib:second")
	if _, err := b.compile(one); err != nil {
		t.Fatal(err)
	}
	p, err := b.compile(two)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range p.Links[:2] {
		if want := "maps: another map has this name: " + b.Dir + "/maps/funcsum.sums"; l.Refused != 1 || !strings.HasPrefix(l.Why, want) {
			t.Errorf("%s: refused %d, %q\nwant %q…", l.Name, l.Refused, l.Why, want)
		}
	}
	const others = "\nlink funccount uprobe/lib:first entry jump\nunit lib.so id " + libID + "\n  first jump: entry 2\n"
	if all := describe(t, p, b.dir); !strings.HasSuffix(all, others) {
		t.Errorf("plan\n%swant it to end in%s", all, others)
	}
	b.wantError(two+"\non_error: abort", "on_error: abort: 2 of 3 specifications cannot be attached")

	b.Dir, b.log = filepath.Join(b.dir, "nowhere"), nil
	if p, err = b.compile(one); err != nil {
		t.Fatal(err)
	}
	if why, want := p.Links[0].Why, "maps: "+b.Dir+"/maps/funcsum.sums: open "+b.Dir+"/maps/funcsum.sums."; !strings.HasPrefix(why, want) || p.Links[1].Refused != 0 {
		t.Errorf("%q\nwant %q…; the other link: %+v", why, want, p.Links[1])
	}
}

// TestLinkNames: a name longer than its slot is shortened so that every process
// finds the same slot, and others another one.
func TestLinkNames(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	fits, long := strings.Repeat("x", 223-len("funccount uprobe/lib:")), strings.Repeat("y", 300)
	p, err := b.compile(fmt.Sprintf("objects: [{gadget: funccount, args: [uprobe/lib:%s, uprobe/lib:%sx, uprobe/lib:%s1, uprobe/lib:%s2]}]", fits, fits, long, long))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, l := range p.Links {
		if len(l.Name) != 223 || seen[l.Name] {
			t.Errorf("link %d: %q", i, l.Name)
		}
		seen[l.Name] = true
	}
	if !seen["funccount uprobe/lib:"+fits] {
		t.Errorf("the name that fits was changed: %q", p.Links[0].Name)
	}
	again, err := b.compile(fmt.Sprintf("objects: [{gadget: funccount, args: [uprobe/lib:%s1, uprobe/lib:a, uprobe/lib:b, uprobe/lib:c]}]", long))
	if err != nil || again.Links[0].Name != p.Links[2].Name {
		t.Errorf("%q was %q (%v)", again.Links[0].Name, p.Links[2].Name, err)
	}
}
