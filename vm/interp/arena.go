package interp

import "github.com/bpftime-go/bpftime/vm"

// Arena is memory that the program shares with others, who have it at Start. Accesses are
// the instructions that access it, as the verifier found: they go by the low half of
// their register, and their offset. What is not in Data reads as zero, and is not written.
type Arena struct {
	Start    uint64
	Data     []byte
	Accesses []bool
}

// cast turns an address of others into one of the program, which is its low half, or the
// other way; 0 stays 0.
func (a *Arena) cast(addr uint64, to int32) uint64 {
	low := addr & 0xffff_ffff
	if to == vm.ToKernel || low == 0 {
		return low
	}
	return a.Start&^0xffff_ffff | low
}

// at is n bytes behind an address, or as many that are nobody's.
func (a *Arena) at(addr uint64, off int16, n uint64) (b []byte, inside bool) {
	at := int64(uint32(addr)) + int64(off) - int64(uint32(a.Start))
	if b := window(a.Data, uint64(at), n); b != nil {
		return b, true
	}
	return make([]byte, n), false
}

// accessArena does the instruction at an index.
func (m *Machine) accessArena(r *registers, i int) {
	in := m.code.prog.Instructions()[i]
	size, base := uint64(in.OpCode.Bytes()), in.Dst
	atomic := in.OpCode.Class() == vm.STX && in.OpCode.Mode() == vm.ATOMIC
	if in.OpCode.Class() == vm.LDX || atomic && in.Imm == vm.LOAD_ACQ {
		base = in.Src
	}
	b, inside := m.opts.Arena.at(r[base], in.Off, size)
	switch {
	case atomic && !inside && in.Imm != vm.LOAD_ACQ: // fetches nothing, as in the kernel
	case atomic:
		(&op{code: in.OpCode, dst: in.Dst, src: in.Src, imm: uint64(in.Imm)}).operate(r, b)
	case in.OpCode.Class() == vm.LDX && in.OpCode.Mode() == vm.MEMSX:
		r[in.Dst] = signExtend(load(b), int32(8*size))
	case in.OpCode.Class() == vm.LDX:
		r[in.Dst] = load(b)
	case in.OpCode.Class() == vm.ST:
		store(b, uint64(in.Imm))
	default:
		store(b, r[in.Src])
	}
}
