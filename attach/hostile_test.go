package attach_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestMapNames: the name of a map becomes that of a file, and an object can have any bytes there. None leads out of the
// session's maps.
func TestMapNames(t *testing.T) {
	for name, good := range map[string]bool{
		"COUNTS": true, "count9": true, "c.o-u$": true,
		"../../": false, "/etc/x": false, "x/../y": false, "..x..y": false, ".hid1.": true, "-mapsx": false, "x\ny\x1b[3": false, "x y\tz_": false, "f\xff\xfe\xfd__": false,
	} {
		b := newBench(t)
		b.load(b.build("lib.so"))
		image := bytes.ReplaceAll(b.object("several"), []byte("counts"), []byte(name))
		if err := os.WriteFile(filepath.Join(b.dir, "several.bpf.o"), image, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := b.compile("objects:\n- path: DIR/several.bpf.o\n  attach: {on_first: uprobe/lib:first}\n")
		if err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(filepath.Join(b.Dir, "maps"))
		if made := len(p.Maps) == 1 && len(files) == 1; err != nil || made != good {
			t.Errorf("%q: files %v, plan\n%s", name, files, describe(t, p, b.dir))
		}
	}
}

// TestMapNamedAsASection: a map may be called bss, and there are variables too.
func TestMapNamedAsASection(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	b.object("names")
	b.want("objects: [{path: DIR/names.bpf.o}]", `link names uprobe/lib:first entry jump
map session/maps/names.bss 4160
map session/maps/names..bss 4160
unit lib.so id `+libID+`
  first jump: entry 0 map 0 map 1+4096
`)
}
