package object

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm"
)

// relocate adjusts the instructions of one program to the types there are here
// (CO-RE). An instruction that wants something else is marked as bad.
func (o *Object) relocate(nodes []node) error {
	var relos []*btf.CORERelocation
	var at []int
	for i := range nodes {
		if r := nodes[i].core; r != nil {
			relos, at = append(relos, r), append(at, i)
		}
	}
	if len(relos) == 0 {
		return nil
	}
	types, err := o.kernelTypes()
	if err != nil {
		return err
	}
	fixups, err := btf.CORERelocate(relos, []*btf.Spec{types}, binary.LittleEndian, o.spec.local.TypeID)
	if err != nil {
		return err
	}
	for n, i := range at {
		if err := nodes[i].apply(&fixups[n]); err != nil {
			nodes[i].bad = &refusal{fmt.Sprintf("%s: %v", relos[n], err), "compile the object again, without changing its instructions afterwards"}
		}
	}
	return nil
}

func (o *Object) kernelTypes() (*btf.Spec, error) {
	var err error
	if o.types == nil {
		o.types, err = kernelSpec(o.opts.Helper)
	}
	return o.types, err
}

// apply changes one instruction. The library's form of an instruction is the
// same as ours for those that CO-RE can change, except that it spells some
// opcodes out; the opcode never changes, unless the fixup poisons the
// instruction.
func (n *node) apply(f *btf.COREFixup) error {
	in := asm.Instruction{
		OpCode: asm.OpCode(n.OpCode), Dst: asm.Register(n.Dst), Src: asm.Register(n.Src),
		Offset: n.Off, Constant: n.Imm,
	}
	before := in.OpCode
	if err := f.Apply(&in); err != nil {
		return err
	}
	if in.OpCode != before || n.OpCode == vm.LDDW && in.Dst == asm.R10 {
		n.bad = &refusal{fmt.Sprintf("a type of the kernel that does not exist here: %s", n.core),
			"ask with bpf_core_field_exists or bpf_core_type_exists before using it"}
		return nil
	}
	n.Off, n.Imm = in.Offset, in.Constant
	return nil
}
