package proof_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/proof"
	"github.com/bpftime-go/bpftime/vm"
)

const module = "github.com/bpftime-go/bpftime/"

// Who may vouch for a program, and who may skip the verifier, tests aside.
var (
	vouchers = []string{"internal/unverified", "vm/verifier"}
	skippers = []string{"vm/gen", "vm/internal/conformance", "cmd/bpf_conformance_plugin"}
)

func TestOnlyTheVerifierVouches(t *testing.T) {
	var seen []string
	for dir, file := range sources(t, filepath.Join("..", "..")) {
		name := importName(file, "internal/proof")
		if name == "" {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Of" && isIdent(sel.X, name) {
				seen = append(seen, dir)
			}
			return true
		})
		if name == "." {
			t.Errorf("%s imports internal/proof without a name, which hides who calls Of", dir)
		}
	}
	judge(t, "calls proof.Of", seen, vouchers)
	if !slices.Contains(seen, "internal/unverified") {
		t.Error("internal/unverified is not seen to call proof.Of: the test looks at the wrong thing")
	}
}

func TestOnlyTestsSkipTheVerifier(t *testing.T) {
	var seen []string
	for dir, file := range sources(t, filepath.Join("..", "..")) {
		if importName(file, "internal/unverified") != "" {
			seen = append(seen, dir)
		}
	}
	judge(t, "imports internal/unverified", seen, skippers)
	if !slices.Contains(seen, "vm/internal/conformance") {
		t.Error("vm/internal/conformance is not seen to import internal/unverified: the test looks at the wrong thing")
	}
}

func judge(t *testing.T, what string, seen, allowed []string) {
	for _, dir := range seen {
		if !slices.Contains(allowed, dir) {
			t.Errorf("%s %s; only tests and %v may", dir, what, allowed)
		}
	}
}

// sources yields every Go file of the module that is no test, with its directory.
func sources(t *testing.T, root string) iter.Seq2[string, *ast.File] {
	return func(yield func(string, *ast.File) bool) {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "build" || entry.Name() == "testdata") {
				return fs.SkipDir
			}
			if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			dir, err := filepath.Rel(root, filepath.Dir(path))
			if err == nil && !yield(filepath.ToSlash(dir), file) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// importName is the name under which a file knows a package of this module, ""
// if it does not.
func importName(file *ast.File, dir string) string {
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err != nil || path != module+dir {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return dir[strings.LastIndex(dir, "/")+1:]
	}
	return ""
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func TestNothingIsNoProof(t *testing.T) {
	var none *proof.Verified
	if none.Program() != nil || new(proof.Verified).Program() != nil {
		t.Error("a program comes out of nothing")
	}
	p, err := vm.Validate(vm.MustAssemble("r0 = 0; exit"), vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if proof.Of(p, false).Program() != p {
		t.Error("another program comes out than went in")
	}
}
