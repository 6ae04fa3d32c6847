package attach_test

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/maps"
)

// markers builds testdata/usdt.s.
func (b *bench) markers() string {
	b.Helper()
	path := filepath.Join(b.dir, "usdt.so")
	out, err := exec.Command("gcc", "-shared", "-nostdlib", "-Wl,-z,relro", "-Wl,--build-id=0x0123456789abcdef", "-o", path, "testdata/usdt.s").CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// TestMarkers: every place of a marker is a site of its link; a semaphore is named once; a marker at the start of a
// function goes with the function's entry.
func TestMarkers(t *testing.T) {
	b := newBench(t)
	b.load(b.markers())
	b.want(`objects: [{gadget: funccount, args: [usdt/usdt:p:twice, usdt/usdt.so:p:begins, uprobe/usdt:begins, usdt/DIR/usdt.so:p:twice]}]`,
		`link funccount usdt/usdt:p:twice entry jump
link funccount usdt/usdt.so:p:begins entry jump
link funccount uprobe/usdt:begins entry jump
link funccount usdt/usdt.so:p:twice entry jump
unit usdt.so id `+libID+`
  first+0x5 jump: offset 0; offset 3 cookie 3
  second+0x5 jump: offset 0; offset 3 cookie 3
  begins jump: entry 1 cookie 1; entry 2 cookie 2
  semaphore .probes+0
`)
}

// TestMarkersRefused: a place that no jump fits, and semaphores that are no data that may be written. Nobody is told that
// somebody listens where nobody can.
func TestMarkersRefused(t *testing.T) {
	b := newBench(t)
	b.load(b.markers())
	p, err := b.compile(`objects: [{gadget: funccount, args: [usdt/usdt:p:tight, usdt/usdt:p:intext, usdt/usdt:p:odd, usdt/usdt:p:relro, usdt/usdt:p:twise]}]`)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Units) > 0 {
		t.Errorf("%d units", len(p.Units))
	}
	for i, want := range []string{
		"a jump leads to +0x",
		"its semaphore would be at 0x1000, which is no data that may be written",
		"its semaphore would be at 0x",
		"its semaphore would be at 0x",
		"USDT p:twise: no such symbol; did you mean p:twice?",
	} {
		if l := p.Links[i]; l.Refused != 1 || !strings.Contains(l.Why, want) {
			t.Errorf("%s: refused %d: %s; want …%s", l.Name, l.Refused, l.Why, want)
		}
	}
}

// TestMarkerBesideEntry: a marker in the bytes that a probe of its function replaces shares them.
func TestMarkerBesideEntry(t *testing.T) {
	b := newBench(t)
	b.load(b.markers())
	b.want(`objects: [{gadget: funccount, args: [usdt/usdt:p:near, uprobe/usdt:near]}]`, `link funccount usdt/usdt:p:near entry jump
link funccount uprobe/usdt:near entry jump
unit usdt.so id `+libID+`
  near jump: entry 1 cookie 1
`)
}

// TestMarkerLedTo: where somebody jumps right behind a marker, the jump stands before it.
func TestMarkerLedTo(t *testing.T) {
	b := newBench(t)
	m := b.load(b.markers())
	p, err := b.compile(`objects: [{gadget: funccount, args: [usdt/usdt:p:led]}]`)
	if err != nil || len(p.Units) != 1 {
		t.Fatalf("%v, %+v", err, p)
	}
	found, err := m.File.LookupUSDT("p", "led")
	if err != nil {
		t.Fatal(err)
	}
	if x := p.Units[0].Patches[0]; len(p.Units[0].Patches) != 1 || x.Vaddr != found[0].Addr-4 || len(x.Text) != 5 {
		t.Errorf("the marker at %#x gets %+v, want one patch from 4 bytes before it to its end", found[0].Addr, p.Units[0].Patches)
	}
}

// libbpfObject has a program for a marker, with libbpf's own headers.
const libbpfObject = "../vm/object/testdata/libbpf.o"

// TestDescriptions: the cookie of a place is the number of what describes its arguments: one for each user's cookie, the
// same when it is compiled again and by whoever else in the session needs the same.
func TestDescriptions(t *testing.T) {
	object, err := filepath.Abs(libbpfObject)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.load(b.markers())
	const manifest = `objects: [{path: %s, attach: {on_usdt: [%s]}}]`
	const twice = `{at: "usdt/usdt:p:twice", cookie: 7}`
	ids := func(at string) []uint64 { return b.cookies(fmt.Sprintf(manifest, object, at)) }

	first := ids(twice)
	if len(first) != 2 || first[0] == first[1] {
		t.Fatalf("numbers %v, want two that differ: the places have different arguments", first)
	}
	if again := ids(twice); !slices.Equal(again, first) {
		t.Errorf("compiled again: %v, then %v", first, again)
	}
	other := ids(`{at: "usdt/usdt:p:twice", cookie: 8}`)
	if slices.Contains(first, other[0]) || slices.Contains(first, other[1]) {
		t.Errorf("with another cookie: %v, then %v", first, other)
	}
	none := ids(`usdt/usdt:p:begins, ` + twice)
	if !slices.Equal(none[1:], first) || slices.Contains(slices.Concat(first, other), none[0]) {
		t.Errorf("with another marker: %v, then %v", first, none)
	}
	spec := b.element("libbpf.__bpf_usdt_specs", first[1])
	if got, want := fmt.Sprintf("% x", spec[:48]), "08 00 00 00 00 00 00 00 02 00 00 00 98 00 01 20 "+ // -4@8(%rsp)
		"00 00 00 00 00 00 00 00 ff 00 00 00 00 00 00 00 "+ // 8f@%xmm0: nothing that is known
		"00 00 00 00 00 00 00 00 ff 00 00 00 00 00 00 00"; got != want { // 2@(%rsi,%rdx,2): this header has no index
		t.Errorf("arguments %s\nwant      %s", got, want)
	}
	if cookie, count := binary.LittleEndian.Uint64(spec[192:]), binary.LittleEndian.Uint16(spec[200:]); cookie != 7 || count != 3 {
		t.Errorf("cookie %d and %d arguments, want 7 and 3", cookie, count)
	}
	if want := []string{"argument 1: 8f@%xmm0: a floating-point number", `argument 2: 2@\(%rsi,%rdx,2\) has two registers; the object's usdt.bpf.h knows one`}; !b.logged(want...) {
		t.Errorf("log %q, want %q", b.log, want)
	}
}

// TestForeignDescriptions: a map of that name whose values are something else, and one that is gone when a module comes
// later: the specification is refused, and says why.
func TestForeignDescriptions(t *testing.T) {
	for object, want := range map[string]string{
		"usdt":   "__bpf_usdt_specs: its value is no struct with args: include libbpf's usdt.bpf.h",
		"libbpf": "libbpf.__bpf_usdt_specs: no such file or directory",
	} {
		path, err := filepath.Abs("../vm/object/testdata/" + object + ".o")
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t)
		b.load(b.markers())
		b.Late = object == "libbpf"
		p, err := b.compile(fmt.Sprintf(`objects: [{path: %s, attach: {on_usdt: usdt/usdt:p:twice}}]`, path))
		if err != nil {
			t.Fatal(err)
		}
		if l := p.Links[0]; l.Refused != 1 || !strings.HasSuffix(l.Why, want) || len(p.Units) > 0 {
			t.Errorf("%s: refused %d: %s; want …%s", object, l.Refused, l.Why, want)
		}
	}
}

// cookies compiles a manifest and lists those of all its runs.
func (b *bench) cookies(manifest string) (out []uint64) {
	b.Helper()
	p, err := b.compile(manifest)
	if err != nil {
		b.Fatal(err)
	}
	text := describe(b.T, p, b.dir)
	for _, m := range regexp.MustCompile(`(?:entry|offset) \d+(?: cookie (\d+))?`).FindAllStringSubmatch(text, -1) {
		n, _ := strconv.ParseUint("0"+m[1], 10, 64)
		out = append(out, n)
	}
	return out
}

// element is one of an array of the session.
func (b *bench) element(name string, n uint64) []byte {
	b.Helper()
	m, err := maps.Open(filepath.Join(b.Dir, "maps", name))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	values, err := m.Lookup(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	if err != nil {
		b.Fatal(err)
	}
	return values[0]
}

// logged tells whether each pattern matches a line.
func (b *bench) logged(patterns ...string) bool {
	for _, p := range patterns {
		if !slices.ContainsFunc(b.log, regexp.MustCompile(p).MatchString) {
			return false
		}
	}
	return true
}
