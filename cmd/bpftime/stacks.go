package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/elfsym"
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
	frame = append(frame, show.Field{Name: "module", Value: found.Path}, show.Field{Name: "vaddr", Value: show.Address(ip - found.Bias)})
	if f := n.file(found); f != nil {
		if name, off := f.FuncName(ip - found.Bias); name != "" {
			frame = append(frame, show.Field{Name: "symbol", Value: name}, show.Field{Name: "offset", Value: off})
		}
	}
	return frame
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

// stack is the value of a stack_trace: its frames, the innermost first.
func (m *openMap) stack(value []byte) show.List {
	frames := show.List{}
	if m.symbols == nil {
		m.symbols = newSymbols(filepath.Dir(filepath.Dir(m.path)))
	}
	for ; len(value) >= 8; value = value[8:] {
		ip := binary.LittleEndian.Uint64(value)
		if ip == 0 {
			break
		}
		frames = append(frames, m.symbols.at(ip))
	}
	return frames
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
			line := fmt.Sprintf("    %-14s  %s  %s", show.Text(frame.Field("ip")), frameName(frame), moduleName(frame))
			if _, err := fmt.Fprintln(w, strings.TrimRight(show.Clean(line), " ")); err != nil {
				return err
			}
		}
	}
	return nil
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
		return ""
	}
	return filepath.Base(path)
}
