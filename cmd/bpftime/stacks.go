package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/session"
)

// symbols finds what lies at the addresses of stacks: by where modules lay in the
// processes of the session, and by the files, as long as they are the same ones.
type symbols struct {
	modules []session.Module
	files   map[string]*elfsym.File // nil: it is not there, or another one
}

func newSymbols(dir string) *symbols {
	return &symbols{session.Modules(dir), map[string]*elfsym.File{}}
}

func (n *symbols) close() {
	for _, f := range n.files {
		if f != nil {
			f.Close()
		}
	}
}

// at is what is known of an address. A stack does not say whose it is: where two
// processes have different files at it, nothing is.
func (n *symbols) at(ip uint64) show.Object {
	frame := show.Object{{Name: "ip", Value: show.Address(ip)}}
	var found *session.Module
	for i := range n.modules {
		m := &n.modules[i]
		if ip < m.Lo || ip >= m.Hi {
			continue
		}
		if found != nil && (found.Path != m.Path || found.Bias != m.Bias) {
			return frame
		}
		found = m
	}
	if found == nil {
		return frame
	}
	frame = append(frame, show.Field{Name: "module", Value: found.Path})
	if f := n.file(found); f != nil {
		return append(frame, n.named(f, ip-found.Bias)...)
	}
	return append(frame, show.Field{Name: "vaddr", Value: show.Address(ip - found.Bias)})
}

func (n *symbols) file(m *session.Module) *elfsym.File {
	f, known := n.files[m.Path]
	if known {
		return f
	}
	f, err := elfsym.Open(m.Path)
	if err == nil && !bytes.Equal(f.BuildID(), m.BuildID) {
		f.Close()
		f = nil
	}
	n.files[m.Path] = f
	return f
}

// frames are the value of a stack_trace, the innermost first.
func (m *openMap) frames(value []byte) show.List {
	if m.symbols == nil {
		m.symbols = newSymbols(filepath.Dir(filepath.Dir(m.path)))
	}
	if m.Spec().Flags&maps.StackBuildID != 0 {
		return m.symbols.described(value)
	}
	return m.stack(value)
}

// stack is a stack of addresses.
func (m *openMap) stack(value []byte) show.List {
	frames := show.List{}
	for ; len(value) >= 8; value = value[8:] {
		ip := binary.LittleEndian.Uint64(value)
		if ip == 0 {
			break
		}
		frames = append(frames, m.symbols.at(ip))
	}
	return frames
}

// described is a stack of struct bpf_stack_build_id.
func (n *symbols) described(value []byte) show.List {
	le, frames := binary.LittleEndian, show.List{}
	for ; len(value) >= abi.BUILD_ID_SIZE; value = value[abi.BUILD_ID_SIZE:] {
		switch where := le.Uint64(value[24:]); le.Uint32(value) {
		case abi.BUILD_ID_VALID:
			frames = append(frames, n.inFile(value[4:24], where))
		case abi.BUILD_ID_IP:
			frames = append(frames, show.Object{{Name: "ip", Value: show.Address(where)}})
		default:
			return frames
		}
	}
	return frames
}

// inFile is what is known of an offset in the file of that build-id, which is some
// module's of the session, or nobody's any more.
func (n *symbols) inFile(id []byte, offset uint64) show.Object {
	frame := show.Object{{Name: "build_id", Value: hex.EncodeToString(id)}, {Name: "file_offset", Value: show.Address(offset)}}
	i := slices.IndexFunc(n.modules, func(m session.Module) bool {
		return len(m.BuildID) > 0 && bytes.Equal(m.BuildID, bytes.TrimRight(id, "\x00"))
	})
	if i < 0 {
		return frame
	}
	frame = append(frame, show.Field{Name: "module", Value: n.modules[i].Path})
	f := n.file(&n.modules[i])
	if f == nil {
		return frame
	}
	for _, text := range f.Text() {
		from, ok := f.FileOffset(text.Lo)
		if vaddr := text.Lo + offset - from; ok && offset >= from && vaddr < text.Hi {
			return append(frame, n.named(f, vaddr)...)
		}
	}
	return frame
}

// named is an address in a file, with the function that it lies in.
func (n *symbols) named(f *elfsym.File, vaddr uint64) []show.Field {
	fields := []show.Field{{Name: "vaddr", Value: show.Address(vaddr)}}
	if name, off := f.FuncName(vaddr); name != "" {
		fields = append(fields, show.Field{Name: "symbol", Value: name}, show.Field{Name: "offset", Value: off})
	}
	return fields
}

// printStacks writes each trace under its number:
//
//	711
//	  0x55d0c0d9b630  witness+0x0  target
func printStacks(w io.Writer, entries []entry) error {
	for _, e := range entries {
		fmt.Fprintf(w, "  %s\n", show.Text(e.key))
		for _, f := range e.value.(show.List) {
			frame := f.(show.Object)
			line := fmt.Sprintf("    %-14s  %s  %s", show.Text(frameAddress(frame)), frameName(frame), moduleName(frame))
			if _, err := fmt.Fprintln(w, strings.TrimRight(show.Clean(line), " ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// frameAddress is the address, or where in its file the frame is.
func frameAddress(f show.Object) show.Value {
	if ip := f.Field("ip"); ip != nil {
		return ip
	}
	return f.Field("file_offset")
}

func frameName(f show.Object) string {
	if name, ok := f.Field("symbol").(string); ok {
		return fmt.Sprintf("%s+%#x", name, f.Field("offset"))
	}
	if vaddr, ok := f.Field("vaddr").(show.Address); ok {
		return fmt.Sprintf("+%#x", uint64(vaddr))
	}
	return "?"
}

func moduleName(f show.Object) string {
	path, _ := f.Field("module").(string)
	if path == "" {
		id, _ := f.Field("build_id").(string)
		return id
	}
	return filepath.Base(path)
}
