package objects

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const mostFrames = 24

// TestBuildIDs: a stack by build-ids says of each address the file and the place in it, of libraries that came later too, and
// of one that is in no file the address.
func TestBuildIDs(t *testing.T) {
	exe := native(t, "latestacks", "latestacks.c", "-ldl", "-pthread")
	lib := native(t, "liblate4.so", "latecaller.c", "-shared", "-fPIC", "-fomit-frame-pointer", "-fno-optimize-sibling-calls", "-Wl,--build-id=sha1")
	nameless := native(t, "liblate5.so", "latecaller.c", "-shared", "-fPIC", "-fomit-frame-pointer", "-fno-optimize-sibling-calls", "-Wl,--build-id=none")
	forVariants(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{exe, lib, nameless}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, "objects: [{path: OBJ/buildids.bpf.o}]"))
		host.Run(t, c, tr)
		wantQuiet(t, tr)
		wantCounts(t, tr, "buildids", map[string]uint64{"odd_size": errno(unix.EINVAL), "kernel": errno(unix.EINVAL), "again": 0})
		files := filesOf(t, tr)
		list := records(t, tr, "buildids.stacks")
		if len(list) != 2 {
			t.Fatalf("%d stacks", len(list))
		}
		seen := map[string]bool{}
		for _, b := range list {
			n := int(number(b[8:16])) / 8
			if n < 6 || int(number(b[16:24])) != n*32 {
				t.Fatalf("%d bytes of addresses, %d of build-ids", number(b[8:16]), number(b[16:24]))
			}
			ips, frames := b[24:][:8*mostFrames], b[24+8*mostFrames:]
			var want []byte
			for i := range n {
				frame, path := files.describe(number(ips[8*i:][:8]))
				want, seen[path] = append(want, frame...), true
			}
			want = append(want, make([]byte, 32*(mostFrames-n))...)
			if !bytes.Equal(frames, want) {
				t.Errorf("%x\nwant %x", frames, want)
			}
			kept, err := opened(t, tr, "buildids.traces").Lookup(b[:4])
			if err != nil || !bytes.Equal(kept[0], want) {
				t.Errorf("in the map: %x, %v", kept, err)
			}
		}
		if !seen[exe] || !seen[lib] || !seen[""] {
			t.Errorf("frames in %v", seen)
		}
	})
}

type mapped struct {
	session.Module
	file *elfsym.File
}

type mappedFiles []mapped

func filesOf(t *testing.T, tr *host.Trace) (all mappedFiles) {
	t.Helper()
	for _, m := range session.Modules(tr.Path()) {
		f, err := elfsym.Open(m.Path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		all = append(all, mapped{m, f})
	}
	return all
}

// describe is a struct bpf_stack_build_id, and the file that it names.
func (all mappedFiles) describe(ip uint64) (frame []byte, path string) {
	le := binary.LittleEndian
	for _, m := range all {
		offset, ok := m.file.FileOffset(ip - m.Bias)
		if ip < m.Lo || ip >= m.Hi || !ok || len(m.file.BuildID()) != 20 {
			continue
		}
		frame = append(le.AppendUint32(nil, 1), m.file.BuildID()...)
		return le.AppendUint64(frame, offset), m.Path
	}
	frame = append(le.AppendUint32(nil, 2), make([]byte, 20)...)
	return le.AppendUint64(frame, ip), ""
}
