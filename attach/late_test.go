package attach_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
)

// loadProgram adds a program and its dynamic linker to the modules, so that late
// modules can be seen, and returns the linker's path.
func (b *bench) loadProgram() string {
	b.Helper()
	src, exe := filepath.Join(b.dir, "main.c"), filepath.Join(b.dir, "main")
	if err := os.WriteFile(src, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-o", exe, src).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	program := b.load(exe)
	program.Main = true
	interp := program.File.Interp()
	b.load(interp)
	return interp
}

// hookUnit is the unit of the dynamic linker, as describe writes it.
func hookUnit(t *testing.T, linker string) string {
	t.Helper()
	f, err := elfsym.Open(linker)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id := ""
	if f.BuildID() != nil {
		id = fmt.Sprintf(" id %x", f.BuildID())
	}
	symbols, err := f.Lookup("_dl_debug_state")
	if err != nil {
		t.Fatal(err)
	}
	tactic := "jump"
	if symbols[0].Size < 5 {
		tactic = "padding"
	}
	return "unit " + linker + " hook" + id + "\n  _dl_debug_state " + tactic + ": \n  calls helper 4\n"
}

// TestLate: a file on disk that is not loaded is compiled for, by its real path and
// its build-id; who names it shortly is in the same unit, and waits for others of
// that name too.
func TestLate(t *testing.T) {
	b := newBench(t)
	linker := b.loadProgram()
	b.build("late.so.1")
	if err := os.Symlink("late.so.1", filepath.Join(b.dir, "late.so")); err != nil {
		t.Fatal(err)
	}
	b.want(`objects: [{gadget: funccount, args: [uprobe/late:first, "uprobe/DIR/late.so:first", "uretprobe/DIR/late.so.1:second",
  uretprobe/late:first, "uretprobe/DIR/late.so:first"]}]`,
		`link funccount uprobe/late:first entry jump
link funccount uprobe/late.so:first entry jump
link funccount uretprobe/late.so.1:second return return-a
link funccount uretprobe/late:first return return-a
link funccount uretprobe/late.so:first return return-a
wish late
unit late.so.1 late id `+libID+`
  first jump: entry 0; entry 1 cookie 1; return 3 cookie 3; return 4 cookie 4
  second jump: return 2 cookie 2
`+hookUnit(t, linker))
}

// TestLateAlone: a late unit is reason enough to watch the dynamic linker.
func TestLateAlone(t *testing.T) {
	b := newBench(t)
	linker := b.loadProgram()
	b.build("late.so")
	b.want(`objects: [{gadget: funccount, args: ["uprobe/DIR/late.so:first"]}]`,
		`link funccount uprobe/late.so:first entry jump
unit late.so late id `+libID+`
  first jump: entry 0
`+hookUnit(t, linker))
}

// TestLateRefused: what is wrong with a file on disk is known at the start.
func TestLateRefused(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so")) // another copy of the functions, loaded
	b.IFunc = func(uint64) (uint64, error) { t.Error("a resolver was called that is not loaded"); return 0, nil }
	b.build("late.so")
	if err := os.WriteFile(filepath.Join(b.dir, "text.so"), []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.want(`objects: [{gadget: funccount, args: ["uprobe/DIR/late.so:frist", "uprobe/DIR/text.so:f", "uprobe/DIR/late.so:chosen"]}]`,
		`link funccount uprobe/late.so:frist entry refused 1: late.so: symbol "frist": no such symbol; did you mean first?
link funccount uprobe/text.so:f entry refused 1: text.so: not a usable ELF file: no ELF header
link funccount uprobe/late.so:chosen entry refused 1: chosen is an IFUNC of a module that is not loaded yet: which of its implementations is used is not known before: name the implementation
`)
}

// TestWishes: a specification of a module that nobody has seen is waited for, once
// for each path, and is no failure.
func TestWishes(t *testing.T) {
	b := newBench(t)
	linker := b.loadProgram()
	b.want(`{on_error: abort, objects: [{gadget: funccount, args: [uprobe/plugin:a, uprobe/plugin:b, "uretprobe/DIR/none.so:f", uprobe/plugin.so:a]}]}`,
		`link funccount uprobe/plugin:a entry
link funccount uprobe/plugin:b entry
link funccount uretprobe/none.so:f return
link funccount uprobe/plugin.so:a entry
wish none.so
wish plugin
wish plugin.so
`+hookUnit(t, linker))
}

// TestNoHook: nothing of the dynamic linker is patched when nothing can come later.
func TestNoHook(t *testing.T) {
	b := newBench(t)
	b.loadProgram()
	b.load(b.build("lib.so"))
	b.want(`objects: [{gadget: funccount, args: [uprobe/lib:first]}]`,
		`link funccount uprobe/lib:first entry jump
unit lib.so id `+libID+`
  first jump: entry 0
`)
}

// TestHookImpossible: what is wished for will not be seen, and the log says why.
// Everything else is attached.
func TestHookImpossible(t *testing.T) {
	const wish = "objects: [{gadget: funccount, args: [uprobe/lib:first, uprobe/plugin:f]}]"
	t.Run("no dynamic linker", func(t *testing.T) {
		b := newBench(t)
		b.load(b.build("lib.so"))
		p, err := b.compile(wish)
		if err != nil || len(p.Units) != 1 || len(p.Wants) != 1 {
			t.Errorf("%+v, %v", p, err)
		}
		b.wantLog("2 modules loaded later will not be seen: the dynamic linker is not among the modules")
	})
	t.Run("no _dl_debug_state", func(t *testing.T) {
		b := newBench(t)
		b.loadProgram()
		b.Modules[1] = b.load(b.build("lib.so"))
		b.Modules = b.Modules[:2]
		b.Modules[1].Path = b.Modules[0].File.Interp()
		if p, err := b.compile(wish); err != nil || len(p.Wants) != 2 {
			t.Errorf("%+v, %v", p, err)
		}
		b.wantLog(`2 modules loaded later will not be seen: lib.so: symbol "_dl_debug_state": no such symbol`)
	})
	t.Run("probed itself", func(t *testing.T) {
		b := newBench(t)
		linker := b.loadProgram()
		p, err := b.compile("objects: [{gadget: funccount, args: [\"uprobe/" + linker + ":_dl_debug_state\", uprobe/plugin:f]}]")
		if err != nil || len(p.Units) != 1 || p.Units[0].Hook {
			t.Errorf("%+v, %v", p, err)
		}
		b.wantLog("2 modules loaded later will not be seen: " + linker + ": a specification probes _dl_debug_state itself")
	})
}

func (b *bench) wantLog(lines ...string) {
	b.Helper()
	if got, want := strings.Join(b.log, "\n"), strings.Join(lines, "\n"); got != want {
		b.Errorf("log\n%s\nwant\n%s", got, want)
	}
}

// TestLateCompiler: asked about modules that were just loaded, it tells of these
// alone: no map is made, nothing is waited for, and what is wrong with a
// specification was said at the start.
func TestLateCompiler(t *testing.T) {
	const manifest = `objects: [{gadget: funccount, args: [uprobe/lib:first, uprobe/other:f, "uprobe/DIR/none.so:f", usdt/lib:p:n, uprobe/lib:first+9,
  uprobe/lib:frist, uprobe/lib:chosen]}]`
	b := newBench(t)
	if err := os.RemoveAll(b.Dir); err != nil {
		t.Fatal(err)
	}
	f, err := elfsym.Open(b.build("lib.so"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b.Modules, b.Late = []*elfsym.Module{{Path: filepath.Join(b.dir, "lib.so"), File: f}}, true
	b.want(manifest, `link funccount uprobe/lib:first entry jump
link funccount uprobe/other:f entry
link funccount uprobe/none.so:f entry
link funccount usdt/lib:p:n entry refused 1: lib.so: USDT p:n: no such symbol (the file has no such notes)
link funccount uprobe/lib:first+0x9 entry refused 1: first ends at +0x8: +0x9 is not in it
link funccount uprobe/lib:frist entry refused 1: lib.so: symbol "frist": no such symbol; did you mean first?
link funccount uprobe/lib:chosen entry refused 1: chosen is an IFUNC of a module that is not loaded yet: which of its implementations is used is not known before: name the implementation
unit lib.so late id `+libID+`
  first jump: entry 0
`)
	if _, err := os.Stat(b.Dir); !os.IsNotExist(err) {
		t.Errorf("the session's directory: %v", err)
	}
}

// TestIFunc: the resolver of the process is called, and what it returns is probed,
// under whichever name.
func TestIFunc(t *testing.T) {
	b := newBench(t)
	m := b.load(b.build("lib.so"))
	value := func(symbol string) uint64 {
		symbols, err := m.File.Lookup(symbol)
		if err != nil || len(symbols) != 1 {
			t.Fatalf("%v, %v", symbols, err)
		}
		return symbols[0].Value
	}
	b.IFunc = func(resolver uint64) (uint64, error) {
		if resolver != bias+value("chosen") {
			t.Errorf("resolver %#x", resolver)
		}
		return bias + value("implementation"), nil
	}
	b.want(`objects: [{gadget: funccount, args: [uprobe/lib:chosen, uprobe/lib:implementation]}]`,
		`link funccount uprobe/lib:chosen entry jump
link funccount uprobe/lib:implementation entry jump
unit lib.so id `+libID+`
  implementation jump: entry 0; entry 1 cookie 1
`)
}

// TestIFuncRefused: resolvers that cannot be asked, or whose answer is of no use.
func TestIFuncRefused(t *testing.T) {
	for name, c := range map[string]struct {
		ifunc func(uint64) (uint64, error)
		want  string
	}{
		"no way to call it": {nil, "chosen is an IFUNC of a module that is not loaded yet: which of its implementations is used is not known before: name the implementation"},
		"it fails":          {func(uint64) (uint64, error) { return 0, errors.New("it crashed") }, "chosen is an IFUNC: it crashed"},
		"below the module": {func(uint64) (uint64, error) { return bias - 1, nil },
			"chosen is an IFUNC whose implementation lies in another module, at 0x7effffffffff"},
		"behind the module": {func(uint64) (uint64, error) { return bias + 1<<30, nil },
			"chosen is an IFUNC whose implementation lies in another module, at 0x7f0040000000"},
		"null": {func(uint64) (uint64, error) { return 0, nil }, "chosen is an IFUNC whose implementation lies in another module, at 0x0"},
		"no function": {func(uint64) (uint64, error) { return bias, nil },
			"lib.so+0x0: nothing says where the function at 0x0 ends: no unwind data and no symbol with a size"},
		"into a function": {func(uint64) (uint64, error) { return bias + 0x1013, nil },
			"lib.so+0x1013: it is not the start of a function: +0x3 inside the one at 0x1010"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.load(b.build("lib.so"))
			b.IFunc = c.ifunc
			b.want("objects: [{gadget: funccount, args: [uprobe/lib:chosen]}]", "link funccount uprobe/lib:chosen entry refused 1: "+c.want+"\n")
		})
	}
}
