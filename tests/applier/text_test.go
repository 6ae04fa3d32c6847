package applier

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// textFile is four pages of text: noise, and near the start of each a function that other threads call.
func textFile(t *testing.T) (path string, content []byte) {
	t.Helper()
	content = make([]byte, 4*page)
	for i := range content {
		content[i] = byte(i*7 + i>>8)
	}
	for at := 16; at < len(content); at += page {
		copy(content[at:], []byte{0xb8, 42, 0, 0, 0, 0xc3}) // mov $42, %eax; ret
	}
	path = filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, content, 0o700); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// outcome is what testdata/texts printed.
type outcome struct {
	returns []string
	bytes   []byte
	pages   []string // "r-xp file"
	seen    string
}

func runTexts(t *testing.T, texts string, args ...string) (o outcome) {
	t.Helper()
	out, err := exec.Command(texts, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("texts %q: %v\n%s", args, err, out)
	}
	for line := range strings.Lines(string(out)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "bytes":
			if o.bytes, err = hex.DecodeString(rest); err != nil {
				t.Fatal(err)
			}
		case "page":
			o.pages = append(o.pages, rest)
		case "seen":
			o.seen = rest
		default:
			o.returns = append(o.returns, word)
		}
	}
	return o
}

// A patch is bytes for a place in the file, all different from what is there.
type patch struct{ at, n int }

func (p patch) bytes(content []byte) []byte {
	b := bytes.Clone(content[p.at : p.at+p.n])
	for i := range b {
		b[i] ^= 0xff
	}
	return b
}

func (p patch) write(content []byte) string { return fmt.Sprintf("w:%d:%x", p.at, p.bytes(content)) }
func (p patch) restore(content []byte) string {
	return fmt.Sprintf("r:%d:%x", p.at, content[p.at:p.at+p.n])
}

func (p patch) on(content []byte) []byte {
	b := bytes.Clone(content)
	copy(b[p.at:], p.bytes(content))
	return b
}

var patches = map[string]patch{
	"inside a page": {0x123, 5}, "the longest": {0x200, 16}, "one byte": {page, 1}, "end of a page": {2*page - 5, 5},
	"start of a page": {2 * page, 7}, "across pages": {page - 2, 5}, "across pages, the longest": {3*page - 8, 16},
}

var fourOfFile = slices.Repeat([]string{"r-xp file"}, 4)

func textTests(t *testing.T, f func(t *testing.T, texts, path, method string, content []byte)) {
	texts := program(t, "texts", []string{"-pthread"})
	path, content := textFile(t)
	for _, method := range []string{"mem", "move"} {
		t.Run(method, func(t *testing.T) { f(t, texts, path, method, content) })
	}
}

// TestTextWrite: by either method what is asked is written and nothing else, every page can be executed all the time
// and is never writable too, and what is restored is the file again.
func TestTextWrite(t *testing.T) {
	textTests(t, func(t *testing.T, texts, path, method string, content []byte) {
		for name, p := range patches {
			t.Run(name, func(t *testing.T) {
				written := runTexts(t, texts, path, method, "0", p.write(content))
				if written.returns[0] != "0" || !bytes.Equal(written.bytes, p.on(content)) {
					t.Errorf("written: returns %v, first difference at %#x", written.returns, differs(written.bytes, p.on(content)))
				}
				for _, pg := range written.pages {
					if !strings.HasPrefix(pg, "r-xp ") {
						t.Errorf("written: pages %q", written.pages)
					}
				}
				restored := runTexts(t, texts, path, method, "0", p.write(content), p.restore(content))
				if !bytes.Equal(restored.bytes, content) {
					t.Errorf("restored: first difference at %#x", differs(restored.bytes, content))
				}
				if !slices.Equal(restored.pages, fourOfFile) {
					t.Errorf("restored: pages %q, want the file's own again", restored.pages)
				}
				if written.seen != "nothing" || restored.seen != "nothing" {
					t.Errorf("seen meanwhile: %s %s", written.seen, restored.seen)
				}
			})
		}
	})
}

func differs(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestTextTwo: two patches on a page; one is restored, the other stays.
func TestTextTwo(t *testing.T) {
	textTests(t, func(t *testing.T, texts, path, method string, content []byte) {
		a, b := patch{0x1100, 5}, patch{0x1180, 5}
		o := runTexts(t, texts, path, method, "0", a.write(content), b.write(content), a.restore(content))
		if !bytes.Equal(o.bytes, b.on(content)) || !slices.Equal(o.returns, []string{"0", "0", "0"}) {
			t.Errorf("returns %v, first difference at %#x", o.returns, differs(o.bytes, b.on(content)))
		}
		o = runTexts(t, texts, path, method, "0", a.write(content), b.write(content), a.restore(content), b.restore(content))
		if !bytes.Equal(o.bytes, content) || !slices.Equal(o.pages, fourOfFile) {
			t.Errorf("both restored: first difference at %#x, pages %q", differs(o.bytes, content), o.pages)
		}
	})
}

// TestTextFaults: whatever call fails, the text is written whole, or an error is returned and the text is what it was.
func TestTextFaults(t *testing.T) {
	textTests(t, func(t *testing.T, texts, path, method string, content []byte) {
		for name, p := range patches {
			t.Run(name, func(t *testing.T) {
				for n := 1; n <= 7; n++ {
					o := runTexts(t, texts, path, method, fmt.Sprint(n), p.write(content))
					want := p.on(content)
					if o.returns[0] != "0" {
						want = content
					}
					if !bytes.Equal(o.bytes, want) || o.seen != "nothing" {
						t.Errorf("call %d fails: returns %v, first difference at %#x; seen %s", n, o.returns, differs(o.bytes, want), o.seen)
					}
				}
			})
		}
	})
}

// TestTextRestoreFaults: a call that fails while text is written back through /proc/self/mem does not leave it patched:
// there is the other method.
func TestTextRestoreFaults(t *testing.T) {
	texts := program(t, "texts", []string{"-pthread"})
	path, content := textFile(t)
	for name, p := range patches {
		t.Run(name, func(t *testing.T) {
			for n := 1; n <= 7; n++ {
				o := runTexts(t, texts, path, "mem", "0", p.write(content), fmt.Sprintf("f:%d", n), p.restore(content))
				if !bytes.Equal(o.bytes, content) || o.seen != "nothing" {
					t.Errorf("call %d fails: returns %v, first difference at %#x; seen %s", n, o.returns, differs(o.bytes, content), o.seen)
				}
			}
		})
	}
}

// TestTextPage: only the module's own private r-x text may be patched.
func TestTextPage(t *testing.T) {
	texts := program(t, "texts", []string{"-pthread"})
	path, _ := textFile(t)
	for kind, want := range map[string]string{
		"plain": "1", "shared": "0", "writable": "0", "unreadable": "0", "anonymous": "0", "other": "0", "absent": "0",
	} {
		if o := runTexts(t, texts, path, "mem", "0", "p:"+kind); o.returns[0] != want {
			t.Errorf("%s: %s, want %s", kind, o.returns[0], want)
		}
	}
}
