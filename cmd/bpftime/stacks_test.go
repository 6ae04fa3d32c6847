package main

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/session"
)

// oneFunction builds a file with a function one, and returns its path, the file, and where the function is.
func oneFunction(t *testing.T) (string, *elfsym.File, uint64) {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "one.so")
	gcc := exec.Command("gcc", "-shared", "-fPIC", "-Wl,--build-id=sha1", "-x", "c", "-o", exe, "-")
	gcc.Stdin = strings.NewReader("int one(int n) { return n + 1; }")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elfsym.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	syms, err := f.Lookup("one")
	if err != nil {
		t.Fatal(err)
	}
	return exe, f, syms[0].Value
}

// TestStackNames: an address is named by the file that lay there, unless that is another file by now, or two processes
// had different files there.
func TestStackNames(t *testing.T) {
	exe, f, one := oneFunction(t)
	const lo, hi, bias = 0x7f0000000000, 0x7f0040000000, 0x7f0000000000
	mine := session.Module{Lo: lo, Hi: hi, Bias: bias, BuildID: f.BuildID(), Path: exe}
	other, replaced := mine, mine
	other.Path, replaced.BuildID = "/lib/other.so", []byte{1, 2, 3}
	vaddr := one + 3
	for name, c := range map[string]struct {
		processes [][]session.Module
		symbol    any
		module    any
	}{
		"one process":     {[][]session.Module{{mine}}, "one", exe},
		"two alike":       {[][]session.Module{{mine}, {mine}}, "one", exe},
		"two that differ": {[][]session.Module{{mine}, {other}}, nil, nil},
		"replaced":        {[][]session.Module{{replaced}}, nil, exe},
		"not there":       {[][]session.Module{{other}}, nil, "/lib/other.so"},
		"nobody":          {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for pid, list := range c.processes {
				if err := session.KeepModules(dir, pid+1, list); err != nil {
					t.Fatal(err)
				}
			}
			n := newSymbols(dir)
			defer n.close()
			got := n.at(bias + vaddr)
			if got.Field("symbol") != c.symbol || got.Field("module") != c.module || c.symbol != nil && got.Field("offset") != uint64(3) {
				t.Errorf("%v", got)
			}
			if far := n.at(hi); len(far) != 1 {
				t.Errorf("behind it: %v", far)
			}
		})
	}
}

// TestPrintStacks: a trace has a line for each frame, its number first.
func TestPrintStacks(t *testing.T) {
	m := &openMap{symbols: &symbols{modules: []session.Module{{Lo: 0x1000, Hi: 0x3000, Bias: 0x1000, Path: "/none/lib.so"}}, files: map[string]*elfsym.File{}}}
	value := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 0x1234), 0x9000)
	var b bytes.Buffer
	if err := printStacks(&b, []entry{{value: m.stack(append(value, make([]byte, 32)...)), key: uint64(7)}}); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{"  7", "    0x1234          +0x234  lib.so", "    0x9000          ?", ""}, "\n")
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
	if text := string(show.JSON(m.stack(value[:8]))); text != `[{"ip":4660,"module":"/none/lib.so","vaddr":564}]` {
		t.Error(text)
	}
}

// TestPrintBuildIDs: a frame by build-id is named by a file of the session that has it, one without is an address, and
// an empty one is the end.
func TestPrintBuildIDs(t *testing.T) {
	exe, f, one := oneFunction(t)
	offset, _ := f.FileOffset(one + 2)
	frame := func(status uint32, id []byte, where uint64) []byte {
		b := append(binary.LittleEndian.AppendUint32(nil, status), id...)
		return binary.LittleEndian.AppendUint64(append(b, make([]byte, 20-len(id))...), where)
	}
	value := bytes.Join([][]byte{frame(1, f.BuildID(), offset), frame(1, []byte{9, 9}, 0x20), frame(2, nil, 0x1234), frame(0, nil, 7)}, nil)
	n := &symbols{modules: []session.Module{{Lo: 1, Hi: 2, BuildID: f.BuildID(), Path: exe}}, files: map[string]*elfsym.File{}}
	defer n.close()
	list := n.described(value)
	if len(list) != 3 || list[0].(show.Object).Field("symbol") != "one" || list[0].(show.Object).Field("offset") != uint64(2) {
		t.Fatalf("%v", list)
	}
	if text := string(show.JSON(list[1:])); text != `[{"build_id":"0909000000000000000000000000000000000000","file_offset":32},{"ip":4660}]` {
		t.Error(text)
	}
	var b bytes.Buffer
	if err := printStacks(&b, []entry{{value: list[1:], key: uint64(7)}}); err != nil {
		t.Fatal(err)
	}
	want := "  7\n    0x20            ?  0909000000000000000000000000000000000000\n    0x1234          ?\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
