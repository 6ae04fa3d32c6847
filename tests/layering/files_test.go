package layering

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is one file of the checkout.
type source struct {
	path string // relative to the top of the checkout
	text []byte
}

// sources reads every source file: Go, C, C++ and assembly. Golden files are no sources.
func sources(t *testing.T, suffixes ...string) []source {
	t.Helper()
	top := filepath.Join("..", "..")
	var list []source
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "build", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || !slices.Contains(suffixes, filepath.Ext(p)) {
			return nil
		}
		text, err := os.ReadFile(p)
		rel, _ := filepath.Rel(top, p)
		list = append(list, source{filepath.ToSlash(rel), text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("no %v files below %s", suffixes, top)
	}
	return list
}

func parse(t *testing.T, s source, mode parser.Mode) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), s.path, s.text, mode)
	if err != nil {
		t.Errorf("%v", err)
		return &ast.File{Name: ast.NewIdent("")}
	}
	return f
}

// TestUnsafe: whoever reviews memory safety reads the files whose names say so, and no others.
func TestUnsafe(t *testing.T) {
	for _, s := range sources(t, ".go") {
		if strings.HasSuffix(s.path, "_unsafe.go") || strings.HasSuffix(s.path, "_unsafe_test.go") {
			continue
		}
		for _, i := range parse(t, s, parser.ImportsOnly).Imports {
			if i.Path.Value == `"unsafe"` {
				t.Errorf("%s imports unsafe: only files named *_unsafe.go and *_unsafe_test.go may", s.path)
			}
		}
	}
}

// TestPackageComments: the protocol of a package stands in one place. A package that has only tests has its comment
// in one of them.
func TestPackageComments(t *testing.T) {
	comments := map[string][]string{} // directory and package name: the files with a comment
	onlyTests := map[string]bool{}
	for _, s := range sources(t, ".go") {
		f := parse(t, s, parser.PackageClauseOnly|parser.ParseComments)
		key := filepath.ToSlash(filepath.Dir(s.path)) + " " + strings.TrimSuffix(f.Name.Name, "_test")
		if _, seen := comments[key]; !seen {
			comments[key], onlyTests[key] = nil, true
		}
		onlyTests[key] = onlyTests[key] && strings.HasSuffix(s.path, "_test.go")
		if f.Doc != nil && !isDirective(f.Doc) {
			comments[key] = append(comments[key], s.path)
		}
	}
	for key, files := range comments {
		inCode := slices.DeleteFunc(slices.Clone(files), func(f string) bool {
			return strings.HasSuffix(f, "_test.go") && !onlyTests[key]
		})
		if len(inCode) != 1 {
			t.Errorf("package %s has %d package comments %v, want exactly one", key, len(inCode), inCode)
		}
	}
}

// isDirective holds for a comment that speaks only to tools.
func isDirective(c *ast.CommentGroup) bool { return strings.TrimSpace(c.Text()) == "" }

// tables may be long: one line or case per instruction, nothing to understand between them.
var tables = []string{}

func TestFileSizes(t *testing.T) {
	const most = 900
	for _, s := range sources(t, ".go", ".c", ".h", ".S", ".cpp") {
		if n := bytes.Count(s.text, []byte("\n")); n > most && !slices.Contains(tables, s.path) {
			t.Errorf("%s has %d lines, at most %d: split it, or name it as an instruction table here", s.path, n, most)
		}
	}
}

func TestGofmt(t *testing.T) {
	for _, s := range sources(t, ".go") {
		if out, err := format.Source(s.text); err != nil || !bytes.Equal(out, s.text) {
			t.Errorf("%s: run gofmt on it (%v)", s.path, err)
		}
	}
}
