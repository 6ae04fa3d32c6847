// Package layering holds the rules about the shape of the code that a compiler does not: which package may import
// which and why, where C and unsafe may stand, one comment per package, sizes and form of the files.
//
// The tests ask `go list` and read every source file of the checkout. Each rule carries its reason, which is part of
// the failure: whoever breaks a rule learns what it protects, and changes the rule here if the reason is gone.
package layering

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bpftime-go/bpftime"

// pkg is what go list tells of one package. Paths in it are full import paths.
type pkg struct {
	ImportPath string
	Dir        string
	CgoFiles   []string
	Imports    []string
	Deps       []string // transitive
}

func (p pkg) name() string { return relative(p.ImportPath) }

// relative shortens the import path of one of our packages to its place in the checkout; others stay as they are.
func relative(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,CgoFiles,Imports,Deps", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// A rule forbids the packages that match from to depend, directly or not, on those that match any of not.
// In a pattern, /** stands for the package and all below it.
type rule struct {
	from, not []string
	except    []string // of those named by from
	why       string
}

// patching is what changes the code of a process, or knows where it is.
var patching = []string{"trampoline/**", "syscallhook/**", "attach/**", "inject/**", "preload/**", "internal/plan/**"}

var rules = []rule{
	{
		from: []string{"vm/**"},
		not:  append(slices.Clone(patching), "elfsym/**", "config/**", "session/**", "internal/procmaps/**", "cmd/**"),
		why:  "the virtual machine is a library in its own right, of use without the rest: it imports nothing that patches",
	},
	{
		from: []string{"trampoline/**", "syscallhook/**"},
		not:  []string{"vm/**", "maps/**", "config/**", "attach/**", "inject/**", "preload/**", "session/**", "cmd/**"},
		why:  "hooks are given an address to call; attach alone knows both the program and its site",
	},
	{
		from: []string{"elfsym/**"},
		not:  append(slices.Clone(patching), "vm/**", "maps/**", "config/**", "session/**", "cmd/**"),
		why:  "names become addresses before anybody decides what to do there",
	},
	{
		from: []string{"config/**"},
		not:  append(slices.Clone(patching), "vm/**", "maps/**", "elfsym/**", "session/**", "cmd/**"),
		why:  "a manifest becomes data that is the same on every machine: no process, no ELF file",
	},
	{
		from: []string{"maps/**"},
		not:  append(slices.Clone(patching), "vm/jit/**", "vm/interp/**", "vm/verifier/**", "config/**", "elfsym/**", "cmd/**"),
		why:  "maps outlive the processes and the programs; a reader needs no engine",
	},
	{
		from: []string{"session/**"},
		not: append(slices.Clone(patching), "vm/jit/**", "vm/interp/**", "vm/verifier/**", "config/**", "elfsym/**",
			"cmd/**"),
		why: "reading a session needs no agent",
	},
	{
		from: []string{"inject/**"},
		not:  []string{"vm/**", "trampoline/**", "syscallhook/**", "config/**", "preload/**", "cmd/**"},
		why:  "an applier is handed a plan; it does not make one",
	},
	{
		from: []string{"attach/**"},
		not:  []string{"inject/**", "preload/**", "cmd/**"},
		why:  "the plan is the same for whoever applies it",
	},
	{
		from:   []string{"internal/**"},
		except: []string{"internal/proof", "internal/unverified"}, // the seal on a vm.Program, which vm cannot hold itself
		not: []string{"vm/**", "trampoline/**", "syscallhook/**", "attach/**", "inject/**", "preload/**", "elfsym/**",
			"config/**", "maps/**", "session/**", "cmd/**", "tests/**"},
		why: "formats, decoders and layouts lie below everything that uses them",
	},
	{
		from:   []string{"**"},
		except: []string{"tests/**", "vm/internal/conformance"}, // a corpus and what reads it for every engine's test
		not:    []string{"tests/**", "testing"},
		why:    "tests are not part of the product",
	},
	{
		from: []string{"**"},
		not:  []string{"preload/**", "cmd/**"},
		why:  "programs are not libraries: preload is a thin shell and the command stands beside it",
		except: []string{
			"preload/**", "cmd/**",
		},
	},
	{
		from: []string{"preload/**"},
		// os/exec comes along with cilium/ebpf's support for tests, and no call of it is left by the linker.
		not: []string{"github.com/spf13/**", "net", "net/**", "text/template/**", "html/template/**", "cmd/**",
			"inject/**"},
		why: "the resident pays for every relocation at each start of a process, with something to do or not",
	},
}

func TestImports(t *testing.T) {
	pkgs := list(t)
	for _, r := range rules {
		for _, p := range pkgs {
			if matches(p.name(), r.from) && !matches(p.name(), r.except) {
				r.check(t, p)
			}
		}
	}
}

func (r rule) check(t *testing.T, p pkg) {
	t.Helper()
	for _, dep := range p.Deps {
		if matches(relative(dep), r.not) {
			t.Errorf("%s depends on %s%s: %s", p.name(), relative(dep), through(p, dep), r.why)
		}
	}
}

// through says whether the dependency is one of the package's own imports.
func through(p pkg, dep string) string {
	if slices.Contains(p.Imports, dep) {
		return ""
	}
	return " by way of another package"
}

func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, deep := strings.CutSuffix(p, "**")
		dir := strings.TrimSuffix(below, "/")
		return name == p || deep && (dir == "" || name == dir || strings.HasPrefix(name, dir+"/"))
	})
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"vm", "vm/**", true}, {"vm/jit", "vm/**", true}, {"vmware", "vm/**", false}, {"net/http", "net", false},
		{"net/http", "net/**", true}, {"internal/plan", "**", true}, {"testing/fstest", "testing", false},
	} {
		if got := matches(c.name, []string{c.pattern}); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.name, c.pattern, got)
		}
	}
}

// TestBothHalves: only attach imports what runs programs and what patches.
func TestBothHalves(t *testing.T) {
	for _, p := range list(t) {
		programs := slices.ContainsFunc(p.Imports, func(i string) bool { return matches(relative(i), []string{"vm/jit/**", "vm/verifier/**"}) })
		sites := slices.ContainsFunc(p.Imports, func(i string) bool {
			return matches(relative(i), []string{"trampoline/**", "syscallhook/**"})
		})
		if programs && sites && !matches(p.name(), []string{"attach/**", "tests/**"}) {
			t.Errorf("%s imports an engine and a hook: attach is the only package that knows both halves", p.name())
		}
	}
}

// TestCgo: C enters through as few doors as possible.
func TestCgo(t *testing.T) {
	doors := []string{"preload", "internal/native", "capi/**"}
	for _, p := range list(t) {
		if len(p.CgoFiles) > 0 && !matches(p.name(), doors) {
			t.Errorf("%s imports \"C\" in %v: only %v may, so that every other package builds and is tested without cgo",
				p.name(), p.CgoFiles, doors)
		}
	}
}

// TestNames keeps package names free of the words that name nothing.
func TestNames(t *testing.T) {
	for _, p := range list(t) {
		if slices.Contains([]string{"utils", "util", "common", "types", "manager", "helpers", "misc"}, path.Base(p.ImportPath)) {
			t.Errorf("%s: the name does not say what the package is for", p.name())
		}
	}
}
