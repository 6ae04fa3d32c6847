package object

import (
	"fmt"
	"io"
	"strings"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// Dump writes the program as text, with the names and the lines of its source:
//
//	on_entry:
//	; calls++; @ basics.bpf.c:55
//	     6: r1 = .bss[0]
//	     8: r2 = *(u64 *)(r1 + 0)
func (p *Program) Dump(w io.Writer) error {
	var b strings.Builder
	starts := map[int]string{}
	for i, f := range p.Prog.Functions() {
		starts[f.Start] = p.Funcs[i].Name
	}
	var last Line
	for i := range p.Prog.Instructions() {
		if name, ok := starts[i]; ok {
			fmt.Fprintf(&b, "%s:\n", printable(name))
			last = Line{}
		}
		if line, ok := p.Line(i); ok && line.Line != 0 && (line.Line != last.Line || line.File != last.File) {
			fmt.Fprintf(&b, "; %s @ %s:%d\n", printable(strings.TrimSpace(line.Text)), printable(line.File), line.Line)
			last = line
		}
		fmt.Fprintf(&b, "%6d: %s\n", p.Prog.Slot(i), printable(p.text(i)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// text is an instruction, with a name instead of a number where it has one.
func (p *Program) text(i int) string {
	in := p.Prog.Instructions()[i]
	callee := func() string { return p.Funcs[p.Prog.FunctionOf(p.Prog.Target(i))].Name }
	switch {
	case in.IsMapRef() && in.Src == vm.PseudoMapValue:
		return fmt.Sprintf("%v = %s[%d]", in.Dst, p.mapName(in), uint32(in.Imm>>32))
	case in.IsMapRef():
		return fmt.Sprintf("%v = map %s", in.Dst, p.mapName(in))
	case in.IsFuncRef():
		return fmt.Sprintf("%v = function %s", in.Dst, callee())
	case in.IsLocalCall():
		return "call " + callee()
	case in.IsHelperCall():
		return "call " + helper.Describe(int32(in.Imm))
	}
	return in.String()
}

func (p *Program) mapName(in vm.Instruction) string { return p.object.Maps[int32(in.Imm)].Name }
