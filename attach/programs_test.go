package attach_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
)

// objects are what clang made so far, by name.
var objects = map[string][]byte{}

// object puts what clang makes of testdata/NAME.bpf.c into the directory.
func (b *bench) object(name string) []byte {
	b.Helper()
	path := filepath.Join(b.dir, name+".bpf.o")
	if objects[name] == nil {
		args := []string{"-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-fdebug-compilation-dir=.", "-c", "testdata/" + name + ".bpf.c", "-o", path}
		if out, err := exec.Command("clang", args...).CombinedOutput(); err != nil {
			b.Fatalf("clang: %v\n%s", err, out)
		}
		objects[name], _ = os.ReadFile(path)
	}
	if err := os.WriteFile(path, objects[name], 0o600); err != nil {
		b.Fatal(err)
	}
	return objects[name]
}

// TestSections: without attach, programs go where their sections say, in the order
// of the file. Those that say nothing, or start with '?', wait for a manifest.
func TestSections(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.object("several")
	p, err := b.compile("objects:\n- path: DIR/several.bpf.o\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := describe(t, p, b.dir), `link several.on_first uprobe/lib:first entry jump
link several.after_first uretprobe/lib:first return return-a
link several.no_helper uprobe/lib:second entry refused 1: several.bpf.o: program no_helper: insn 0 (./testdata/several.bpf.c:39): call of bpf_skb_store_bytes#9, which does not exist here
map session/maps/several.counts 36864
unit lib.so id `+libID+`
  first jump: entry 0 calls 1 map 0; return 1
`; got != want {
		t.Errorf("plan\n%swant\n%s", got, want)
	}
	b.wantLog(
		`2 several.bpf.o: anywhere is not attached: SEC("uprobe") says not where to attach; say it in the manifest: attach: {PROGRAM: uprobe/…}`,
		`2 several.bpf.o: in_kernel is not attached: SEC("kprobe/do_exit") attaches nowhere in a process: functions of the kernel are out of reach of a process; uprobe/PATH:SYMBOL and ksyscall/NAME are not`)
}

// TestSectionsAbort: with on_error: abort a section of the kernel's is a reason not to start, one that says nothing is not.
func TestSectionsAbort(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.object("several")
	b.wantError("objects: [{path: DIR/several.bpf.o}]\non_error: abort\n", "on_error: abort: 2 of 4 specifications cannot be attached")
	if errors := slices.DeleteFunc(b.log, func(line string) bool { return line[0] != '1' }); len(errors) != 2 ||
		!strings.HasPrefix(errors[0], "1 several.bpf.o: in_kernel is not attached: ") || !strings.HasPrefix(errors[1], "1 several.no_helper ") {
		t.Errorf("errors %q", errors)
	}
}

// TestAttach: the manifest decides; several programs run on one site in its order,
// one program at several, with the cookies that it says.
func TestAttach(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.object("several")
	b.want(`objects:
- path: DIR/several.bpf.o
  attach:
    anywhere: [{at: uprobe/lib:second, cookie: 7}, uprobe/lib:first, {at: uretprobe/lib:first, cookie: 18446744073709551615}]
    on_first: uprobe/lib:second
    optional: uprobe/lib:second
`, `link several.anywhere uprobe/lib:second entry jump
link several.anywhere uprobe/lib:first entry jump
link several.anywhere uretprobe/lib:first return return-a
link several.on_first uprobe/lib:second entry jump
link several.optional uprobe/lib:second entry jump
map session/maps/several.counts 36864
unit lib.so id `+libID+`
  second jump: entry 0 cookie 7; entry 3 calls 1 map 0; entry 4
  first jump: entry 1; return 2 cookie 18446744073709551615
`)
}

// TestMapsOfTheManifest: max_entries is the manifest's, and a shared map has no
// prefix.
func TestMapsOfTheManifest(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.object("several")
	b.want(`objects:
- path: DIR/several.bpf.o
  attach: {on_first: uprobe/lib:first}
  maps: {counts: {max_entries: 9, shared: true}}
- path: DIR/several.bpf.o
  attach: {on_first: uprobe/lib:first}
  maps: {counts: {max_entries: 9, shared: true}}
`, `link several.on_first uprobe/lib:first entry jump
link several-2.on_first uprobe/lib:first entry jump
map session/maps/counts 69632
map session/maps/counts 69632
unit lib.so id `+libID+`
  first jump: entry 0 calls 1 map 0; entry 1 calls 1 map 1
`)
}

// TestTypes: the session has the types of the object as it was compiled last, in one file.
func TestTypes(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	first := b.object("several")
	path := filepath.Join(b.Dir, "btf", "several")
	for _, image := range [][]byte{first, first, bytes.ReplaceAll(first, []byte("on_first"), []byte("at_first"))} {
		if err := os.WriteFile(filepath.Join(b.dir, "several.bpf.o"), image, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.compile("objects: [{path: DIR/several.bpf.o}]"); err != nil {
			t.Fatal(err)
		}
		types, err := btf.LoadSpec(path)
		if err != nil {
			t.Fatal(err)
		}
		want := "on_first"
		if bytes.Contains(image, []byte("at_first")) {
			want = "at_first"
		}
		var f *btf.Func
		if err := types.TypeByName(want, &f); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
			t.Errorf("files %v (%v)", files, err)
		}
	}
}

// TestObjectErrors: an object that cannot be read, or a manifest that does not fit
// it, is an error of the whole manifest, and says where.
func TestObjectErrors(t *testing.T) {
	b := newBench(t)
	whole := b.object("several")
	if err := os.WriteFile(filepath.Join(b.dir, "half.bpf.o"), whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	b.build("lib.so")
	const several = "objects:\n- path: DIR/several.bpf.o\n"
	for manifest, want := range map[string]string{
		"objects:\n- path: DIR/none.bpf.o\n":        "m.yaml:2:3: none.bpf.o: no such file or directory",
		"objects:\n- path: DIR/lib.so\n":            "m.yaml:2:3: lib.so: machine code for EM_X86_64; compile it with clang -target bpf -g -O2 -c",
		"objects:\n- path: DIR\n":                   "m.yaml:2:3: DIR: not a file",
		several + "  maps: {count: {shared: true}}": "m.yaml:3:10: several.bpf.o: maps: there is no map \"count\"; did you mean \"counts\"?",
		several + "  rodata: {no: 1}\n":             "m.yaml:3:16: several.bpf.o: rodata: there is no constant \"no\"; there are none",
	} {
		b.wantObjectError(manifest, want)
	}
	if p, err := b.compile("objects:\n- path: DIR/half.bpf.o\n"); p != nil || err == nil || !strings.HasPrefix(err.Error(), "m.yaml:2:3: "+b.dir+"/half.bpf.o: no ELF file: ") {
		t.Errorf("half a file: %v", err)
	}
}

func (b *bench) wantObjectError(manifest, want string) {
	b.Helper()
	p, err := b.compile(manifest)
	if got := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(err), b.dir+"/", ""), b.dir, "DIR"); p != nil || got != want {
		b.Errorf("error %s\nwant  %s", got, want)
	}
}

// TestLeaf: a list of programs that only return a number needs less saved around
// it; one other program in it, and it is called as all are.
func TestLeaf(t *testing.T) {
	const full = abi.HELPER_ENTRY
	for args, want := range map[string][]uint32{
		"{gadget: funccount, args: [uprobe/lib:first, uprobe/lib:first]}":                                     {full + abi.HELPER_LEAF},
		"{gadget: funccount, args: [uretprobe/lib:first]}":                                                    {abi.HELPER_RETURN + abi.HELPER_LEAF},
		"{gadget: funcsum, args: [uprobe/lib:first]}":                                                         {full},
		"{gadget: funccount, args: [uprobe/lib:first]}, {gadget: funcsum, args: [uprobe/lib:first]}":          {full},
		"{gadget: funccount, args: [uprobe/lib:first]}, {gadget: funcsum, args: [uprobe/lib:second]}":         {full, full + abi.HELPER_LEAF},
		"{gadget: funccount, args: [uprobe/lib:first]}, {gadget: funcsum, args: [uretprobe/lib:first]}":       {abi.HELPER_RETURN, full + abi.HELPER_LEAF},
		"{path: DIR/several.bpf.o, attach: {optional: uprobe/lib:first}}":                                     {full + abi.HELPER_LEAF},
		"{path: DIR/several.bpf.o, attach: {optional: uprobe/lib:first, after_first: uprobe/lib:first}}":      {full},
		"{path: DIR/several.bpf.o, attach: {optional: uprobe/lib:first, anywhere: uprobe/lib:first}}":         {full},
		"{path: DIR/several.bpf.o, attach: {wide: uprobe/lib:first}}, {gadget: funccount, args: [lib:first]}": {full},
	} {
		b := newBench(t)
		b.load(b.build("lib.so"))
		b.object("several")
		p, err := b.compile("objects: [" + args + "]")
		if err != nil {
			t.Fatal(err)
		}
		if got := thunks(p.Units[0]); !slices.Equal(got, want) {
			t.Errorf("%s: thunks %d, want %d", args, got, want)
		}
	}
}

// thunks are those that the stubs of a unit call.
func thunks(u *plan.Unit) (out []uint32) {
	for _, r := range u.Relocs {
		if r.Kind == abi.RELOC_HELPER_ABS64 && r.Sym < abi.HELPER_BPF {
			out = append(out, r.Sym)
		}
	}
	slices.Sort(out)
	return out
}

// TestLimits: what the verifier does not promise is said once for a process, however
// many objects there are, and not again for modules that come later.
func TestLimits(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	const two = "objects: [{gadget: funcsum, args: [lib:first]}, {gadget: funccount, args: [lib:first, lib:second]}]"
	if _, err := b.compile(two); err != nil || b.limits != 1 {
		t.Errorf("said %d times (%v)", b.limits, err)
	}
	b.Late = true
	if _, err := b.compile(two); err != nil || b.limits != 1 {
		t.Errorf("said %d times in all (%v)", b.limits, err)
	}
}

// TestSharedPrograms: a program on several sites of a module is there once.
func TestSharedPrograms(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	p, err := b.compile("objects: [{gadget: funccount, args: [uprobe/lib:twin]}]")
	if err != nil {
		t.Fatal(err)
	}
	runs := programs(p.Units[0])
	if once := slices.Compact(slices.Clone(runs)); len(p.Units[0].Patches) != 2 || len(runs) != 2 || len(once) != 1 {
		t.Errorf("%d sites, programs at %#x", len(p.Units[0].Patches), runs)
	}
}
