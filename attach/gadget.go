package attach

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"path/filepath"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/maps"
)

// A program is machine code that a run record points to, and the map it uses.
type program struct {
	gadget   string
	object   string // its name in the session
	mapIndex uint32
	spec     maps.Spec
	key      uint32
	ret      bool // on a return
}

// gadgets are the built-in objects, each one 8-byte counter for a specification.
var gadgets = map[string]struct {
	mapName string
	leaf    bool // in the sense of trampoline.Program
}{
	"funccount": {"counts", true}, // how often
	"funcsum":   {"sums", false},  // the sum of the first argument, or of the result
}

// object turns one object of the manifest into bindings: each specification's
// counter is the entry of the gadget's map whose key is its place in args.
func (c *compiler) object(name string, o *config.Object) error {
	g, ok := gadgets[o.Gadget]
	wrong := config.Error{File: c.Manifest.Name, Pos: o.Pos}
	switch {
	case o.Gadget == "":
		wrong.Msg, wrong.Hint = "objects in files are not supported yet", "write gadget: funccount"
	case !ok:
		wrong.Msg, wrong.Hint = fmt.Sprintf("unknown gadget %q", o.Gadget), "there are funccount and funcsum"
	case len(o.Args) == 0:
		wrong.Msg, wrong.Hint = o.Gadget+" has nothing to attach to", "write args: [uprobe/libc:malloc]"
	}
	if wrong.Msg != "" {
		return &wrong
	}
	spec := maps.Spec{Type: maps.PercpuArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(len(o.Args))}
	path := filepath.Join(c.Dir, "maps", name+"."+g.mapName)
	if !c.Late { // the process has it mapped, and may not be allowed to open it any more
		if err := maps.Make(path, spec); err != nil {
			return err
		}
	}
	p := program{gadget: o.Gadget, object: name, mapIndex: uint32(len(c.plan.Maps)), spec: spec}
	c.plan.Maps = append(c.plan.Maps, plan.Map{Path: path, Size: spec.Size()})
	for key, arg := range o.Args {
		p.key = uint32(key)
		c.bind(p, arg)
	}
	return nil
}

// bind makes the link of one program at one specification. What is wrong with the
// specification itself was told at the start; a late compiler passes over it.
func (c *compiler) bind(p program, arg string) {
	s, err := config.ParseSpec(arg)
	if err == nil {
		err = supported(s)
	}
	p.ret = s.OnReturn()
	b := binding{link: uint32(len(c.plan.Links)), spec: s, program: p}
	c.plan.Links = append(c.plan.Links, plan.Link{Name: linkName(p.object, arg), Kind: linkKind(s)})
	switch {
	case err == nil:
		c.bindings = append(c.bindings, b)
	case !c.Late:
		c.fail(b, err)
	}
}

func supported(s config.Spec) error {
	switch {
	case s.Kind != config.Uprobe && s.Kind != config.Uretprobe:
		return fmt.Errorf("%v is not supported yet; uprobe and uretprobe are", s.Kind)
	case s.Offset != 0:
		return errors.New("an offset inside a function is not supported yet")
	}
	return nil
}

func linkKind(s config.Spec) uint32 {
	if s.OnReturn() {
		return abi.LINK_RETURN
	}
	return abi.LINK_ENTRY
}

// linkName is by what processes find the link's slot in the session. One that is
// too long for the slot keeps its beginning and is told apart by a hash.
func linkName(object, arg string) string {
	const most = abi.LINK_NAME_SIZE - 1
	name := object + " " + arg
	if len(name) <= most {
		return name
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	sum := fmt.Sprintf("~%016x", h.Sum64())
	return name[:most-len(sum)] + sum
}

func (p program) leaf() bool { return gadgets[p.gadget].leaf }

// emit writes the program into a unit and returns where it begins:
//
//	mov  THREAD_LEASE(%rax),%eax
//	imul $stride,%rax,%rax     its slot of the map
//	movabs $map+offset,%rcx
//	incq (%rcx,%rax)           or: mov PT_RDI(%rdi),%rdx; add %rdx,(%rcx,%rax)
//	ret
func (p program) emit(u *plan.Unit) uint32 {
	at := u.Align(16)
	u.Emit(0x8b, 0x40, abi.THREAD_LEASE)
	u.Emit(binary.LittleEndian.AppendUint32([]byte{0x48, 0x69, 0xc0}, uint32(p.spec.Stride()))...)
	u.Emit(0x48, 0xb9)
	u.Field(abi.RELOC_MAP_ABS64, p.mapIndex, p.spec.Offset(p.key))
	switch {
	case p.leaf():
		u.Emit(0x48, 0xff, 0x04, 0x01)
	case p.ret:
		u.Emit(0x48, 0x8b, 0x57, abi.PT_RAX, 0x48, 0x01, 0x14, 0x01)
	default:
		u.Emit(0x48, 0x8b, 0x57, abi.PT_RDI, 0x48, 0x01, 0x14, 0x01)
	}
	u.Emit(0xc3)
	return at
}
