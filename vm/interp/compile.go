package interp

import (
	"fmt"
	"slices"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// code is a program in the form that run executes.
type code struct {
	prog    *vm.Program
	ops     []op
	helpers []helper.Func // in the order of prog.Helpers
	addr    uint64        // of the function at index 0; others follow by index
}

// op is an instruction, prepared: targets are indexes, and the second operand
// is always r[src] + imm, of which one is zero.
type op struct {
	code     vm.OpCode
	dst, src vm.Register
	aux      int32 // offset, target or width
	imm      uint64
}

// Instructions with a register and with an immediate are one op, named by the
// opcode with K; the opcodes with X, and others that no program contains, are
// free for what differs by more than the opcode.
const (
	opSDiv64    = vm.ALU64 | vm.DIV | vm.X
	opSDiv32    = vm.ALU | vm.DIV | vm.X
	opSMod64    = vm.ALU64 | vm.MOD | vm.X
	opSMod32    = vm.ALU | vm.MOD | vm.X
	opMovSX64   = vm.ALU64 | vm.MOV | vm.X
	opMovSX32   = vm.ALU | vm.MOV | vm.X
	opLocalCall = vm.JMP32 | vm.CALL
	opTailCall  = vm.JMP32 | vm.EXIT
	opCast      = vm.BSWAP | vm.ToBE
	opArena     = vm.LDX | vm.MEMSX | vm.DW // the access to an arena at index aux
)

// compiled returns the code of a program, made when it is first asked for.
func (m *Machine) compiled(p *vm.Program) (*code, error) {
	if c, ok := m.programs[p]; ok {
		return c, nil
	}
	c := &code{prog: p}
	c.addr = (functionTag + uint64(len(m.programs))) << 32
	if err := m.link(c); err != nil {
		return nil, err
	}
	for i := range p.Instructions() {
		c.ops = append(c.ops, m.prepare(c, i))
	}
	m.programs[p] = c
	return c, nil
}

// link finds what the program refers to.
func (m *Machine) link(c *code) error {
	for _, id := range c.prog.Helpers() {
		entry, _ := m.opts.Helpers.Lookup(id)
		if entry.Go == nil && id != vm.TailCall {
			return fmt.Errorf("interp: the program calls %s, which is not registered", helper.Describe(id))
		}
		c.helpers = append(c.helpers, entry.Go)
	}
	for i, in := range c.prog.Instructions() {
		if in.IsCast() && m.opts.Arena.Data == nil {
			return fmt.Errorf("interp: insn %d: %s: the machine has no arena", c.prog.Slot(i), in)
		}
		if in.IsMapRef() && m.mapRef(in) == 0 {
			return fmt.Errorf("interp: insn %d: %s: the machine has no such map", c.prog.Slot(i), in)
		}
	}
	return nil
}

// mapRef is what a reference to a map loads, 0 when it is not there.
func (m *Machine) mapRef(in vm.Instruction) uint64 {
	values, off := m.opts.Maps, uint64(0)
	if in.Src == vm.PseudoMapValue {
		values, off = m.opts.MapValues, uint64(in.Imm>>32)
	}
	i := int(int32(in.Imm))
	if i >= len(values) || values[i] == 0 {
		return 0
	}
	return values[i] + off
}

func (m *Machine) prepare(c *code, i int) op {
	in := c.prog.Instructions()[i]
	if c.prog == m.prog && i < len(m.opts.Arena.Accesses) && m.opts.Arena.Accesses[i] {
		return op{code: opArena, src: zero, aux: int32(i)}
	}
	o := op{code: in.OpCode, dst: in.Dst, src: in.Src, aux: int32(in.Off), imm: uint64(in.Imm)}
	switch in.OpCode.Class() {
	case vm.ALU, vm.ALU64:
		return prepareALU(in, o)
	case vm.JMP, vm.JMP32:
		return prepareJump(c, i, o)
	case vm.LD:
		return m.prepareLDDW(c, i, o)
	case vm.ST:
		o.code, o.src = vm.STX|o.code&^7, zero
	}
	return o
}

func prepareALU(in vm.Instruction, o op) op {
	if in.OpCode.Op() == vm.END {
		o.aux = int32(in.Imm)
		return o
	}
	if in.IsCast() {
		o.code, o.aux, o.imm = opCast, int32(in.Imm), 0
		return o
	}
	o = mergeOperand(o)
	signed := map[vm.OpCode]vm.OpCode{
		vm.ALU64 | vm.DIV: opSDiv64, vm.ALU | vm.DIV: opSDiv32,
		vm.ALU64 | vm.MOD: opSMod64, vm.ALU | vm.MOD: opSMod32,
		vm.ALU64 | vm.MOV: opMovSX64, vm.ALU | vm.MOV: opMovSX32,
	}
	if in.Off != 0 {
		o.code = signed[o.code]
	}
	return o
}

// mergeOperand makes the second operand r[src] + imm.
func mergeOperand(o op) op {
	if o.code.Source() == vm.K {
		o.src = zero
	}
	o.code &^= vm.X
	return o
}

func prepareJump(c *code, i int, o op) op {
	in := c.prog.Instructions()[i]
	o.aux = int32(c.prog.Target(i))
	switch {
	case in.IsLocalCall():
		o.code = opLocalCall
	case in.IsHelperCall() && in.Imm == vm.TailCall:
		o.code = opTailCall
	case in.IsHelperCall():
		position, _ := slices.BinarySearch(c.prog.Helpers(), int32(in.Imm))
		o.aux = int32(position)
	case in.IsAlways():
		o.code = vm.JMP | vm.JA
	case in.IsBranch():
		return mergeOperand(o)
	}
	return o
}

func (m *Machine) prepareLDDW(c *code, i int, o op) op {
	in := c.prog.Instructions()[i]
	o.src = zero
	switch {
	case in.IsFuncRef():
		o.imm = c.addr + uint64(c.prog.Target(i))
	case in.IsMapRef():
		o.imm = m.mapRef(in)
	}
	return o
}
