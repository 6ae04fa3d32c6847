package attach

import (
	"encoding/binary"
	"fmt"
	"path/filepath"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/maps"
)

// A program is machine code that a run record points to, and the map it uses.
type program struct {
	mapIndex uint32
	spec     maps.Spec
	key      uint32
}

// object turns one object of the manifest into bindings.
func (c *compiler) object(o *config.Object) error {
	switch o.Gadget {
	case "funccount":
		return c.funccount(o)
	case "":
		return fmt.Errorf("%v: objects in files are not supported yet; gadget: funccount is", o.Pos)
	}
	return fmt.Errorf("%v: unknown gadget %q; there is funccount", o.Pos, o.Gadget)
}

// funccount counts the hits of each of its specifications, in the map
// funccount.counts whose key is the specification's place in args.
func (c *compiler) funccount(o *config.Object) error {
	if len(o.Args) == 0 {
		return fmt.Errorf("%v: funccount has nothing to count: args: [uprobe/libc:malloc]", o.Pos)
	}
	spec := maps.Spec{Type: maps.PercpuArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(len(o.Args))}
	path := filepath.Join(c.Dir, "maps", "funccount.counts")
	if err := maps.Make(path, spec); err != nil {
		return err
	}
	index := uint32(len(c.plan.Maps))
	c.plan.Maps = append(c.plan.Maps, plan.Map{Path: path, Size: spec.Size()})
	for key, arg := range o.Args {
		s, err := config.ParseSpec(arg)
		b := binding{link: uint32(len(c.plan.Links)), spec: s, program: program{index, spec, uint32(key)}}
		c.plan.Links = append(c.plan.Links, plan.Link{Name: "funccount " + arg, Kind: linkKind(s.Kind)})
		if err != nil {
			c.fail(b, err)
			continue
		}
		c.bindings = append(c.bindings, b)
	}
	return nil
}

func linkKind(k config.Kind) uint32 {
	if k == config.Uretprobe {
		return abi.LINK_RETURN
	}
	return abi.LINK_ENTRY
}

// emit writes the counter into a unit and returns where it begins:
//
//	mov  -16(%rdi),%rax        the thread that runs us (abi FRAME_THREAD)
//	mov  THREAD_LEASE(%rax),%eax
//	imul $stride,%rax,%rax     its slot of the map
//	movabs $map+offset,%rcx
//	incq (%rcx,%rax)
//	xor  %eax,%eax
//	ret
func (p program) emit(u *plan.Unit) uint32 {
	at := u.Align(16)
	u.Emit(0x48, 0x8b, 0x47, byte(abi.FRAME_THREAD-abi.FRAME_REGS+256))
	u.Emit(0x8b, 0x40, abi.THREAD_LEASE)
	u.Emit(binary.LittleEndian.AppendUint32([]byte{0x48, 0x69, 0xc0}, uint32(p.spec.Stride()))...)
	u.Emit(0x48, 0xb9)
	u.Field(abi.RELOC_MAP_ABS64, p.mapIndex, p.spec.Offset(p.key))
	u.Emit(0x48, 0xff, 0x04, 0x01)
	u.Emit(0x31, 0xc0, 0xc3)
	return at
}
