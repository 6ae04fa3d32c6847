package main

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/jit"
	"github.com/bpftime-go/bpftime/vm/object"
)

// dumpJited writes a program as machine code of this processor, before it is
// relocated:
//
//	on_entry:
//	; u64 *slot = bpf_map_lookup_elem(&counts, &key); @ count.bpf.c:12
//	   4f:  call   bpf_map_lookup_elem#1
func dumpJited(w io.Writer, o *object.Object, p *object.Program) error {
	verified, err := p.Verify(p.SEC.Context())
	if err != nil {
		return err
	}
	code, err := jit.Compile(verified, jit.Options{Features: jit.HostFeatures()})
	if err != nil {
		return err
	}
	d := &disassembly{Program: p, object: o, code: code, relocs: map[int]jit.Reloc{}, insns: map[int][]int{}}
	for _, r := range code.Relocs {
		d.relocs[r.Offset] = r
	}
	for i, at := range code.Offsets {
		d.insns[at] = append(d.insns[at], i)
	}
	for at := 0; at < len(code.Text); {
		d.heading(at)
		at += d.instruction(at)
	}
	_, err = io.WriteString(w, show.Clean(d.b.String()))
	return err
}

type disassembly struct {
	*object.Program
	object *object.Object
	code   *jit.Code
	relocs map[int]jit.Reloc // by the offset of the field
	insns  map[int][]int     // eBPF instructions that begin at an offset
	last   object.Line
	b      strings.Builder
}

// heading names the function and the lines of the source that begin here.
func (d *disassembly) heading(at int) {
	for i, start := range d.code.Functions {
		if start == at {
			fmt.Fprintf(&d.b, "%s:\n", d.Funcs[i].Name)
			d.last = object.Line{}
		}
	}
	for _, i := range d.insns[at] {
		if i >= len(d.Prog.Instructions()) {
			continue
		}
		if line, ok := d.Line(i); ok && line.Line != 0 && (line.Line != d.last.Line || line.File != d.last.File) {
			fmt.Fprintf(&d.b, "; %s @ %s:%d\n", strings.TrimSpace(line.Text), line.File, line.Line)
			d.last = line
		}
	}
}

// instruction writes one instruction and returns its length. The length is that of our
// own decoder: the library only prints, and not everything.
func (d *disassembly) instruction(at int) int {
	in, err := x86.Decode(d.code.Text[at:])
	if err != nil {
		fmt.Fprintf(&d.b, "%6x:  .byte %#02x\n", at, d.code.Text[at])
		return 1
	}
	raw := d.code.Text[at : at+in.Len]
	text := fmt.Sprintf(".byte % x", raw)
	if printed, err := x86asm.Decode(raw, 64); err == nil && printed.Len == in.Len {
		text = x86asm.GNUSyntax(printed, uint64(at), nil)
	}
	if r, ok := d.relocIn(at, in.Len); ok {
		text += "  # " + r
	}
	fmt.Fprintf(&d.b, "%6x:  %s\n", at, text)
	return in.Len
}

// relocIn names what the instruction refers to.
func (d *disassembly) relocIn(at, size int) (string, bool) {
	for end := at + size; at < end; at++ {
		r, ok := d.relocs[at]
		if !ok {
			continue
		}
		switch r.Target {
		case jit.TargetHelper:
			return helper.Describe(r.ID), true
		case jit.TargetMap:
			return "map " + d.mapName(r.ID), true
		case jit.TargetMapValue:
			return fmt.Sprintf("%s[%d]", d.mapName(r.ID), r.Addend), true
		}
		return r.Target.String(), true
	}
	return "", false
}

func (d *disassembly) mapName(id int32) string {
	if id < 0 || int(id) >= len(d.object.Maps) {
		return fmt.Sprint(id)
	}
	return d.object.Maps[id].Name
}
