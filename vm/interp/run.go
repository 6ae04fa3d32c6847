package interp

import (
	"encoding/binary"
	"math/bits"

	"github.com/bpftime-go/bpftime/vm"
)

// run executes m.code from an instruction until the exit of the frame at m.floor; the
// result is in r0. The second operand of every op is v = r[src] + imm; a 32-bit result is
// zero-extended by its conversion.
func (m *Machine) run(r *registers, pc int) error {
	var err error
	mem := &m.mem
	ops, left := m.code.ops, m.left
loop:
	for {
		in := &ops[pc]
		pc++
		if left == 0 {
			err = ErrBudget
			break
		}
		left--
		dst := &r[in.dst&15]
		v := r[in.src&15] + in.imm
		switch in.code {
		case vm.ALU64 | vm.ADD:
			*dst += v
		case vm.ALU64 | vm.SUB:
			*dst -= v
		case vm.ALU64 | vm.MUL:
			*dst *= v
		case vm.ALU64 | vm.DIV:
			*dst = div64(*dst, v)
		case opSDiv64:
			*dst = sdiv64(*dst, v)
		case vm.ALU64 | vm.MOD:
			*dst = mod64(*dst, v)
		case opSMod64:
			*dst = smod64(*dst, v)
		case vm.ALU64 | vm.OR:
			*dst |= v
		case vm.ALU64 | vm.AND:
			*dst &= v
		case vm.ALU64 | vm.XOR:
			*dst ^= v
		case vm.ALU64 | vm.LSH:
			*dst <<= v & 63
		case vm.ALU64 | vm.RSH:
			*dst >>= v & 63
		case vm.ALU64 | vm.ARSH:
			*dst = uint64(int64(*dst) >> (v & 63))
		case vm.ALU64 | vm.NEG:
			*dst = -*dst
		case vm.ALU64 | vm.MOV, vm.LDDW:
			*dst = v
		case opMovSX64:
			*dst = signExtend(v, in.aux)

		case vm.ALU | vm.ADD:
			*dst = uint64(uint32(*dst + v))
		case vm.ALU | vm.SUB:
			*dst = uint64(uint32(*dst - v))
		case vm.ALU | vm.MUL:
			*dst = uint64(uint32(*dst * v))
		case vm.ALU | vm.DIV:
			*dst = div64(uint64(uint32(*dst)), uint64(uint32(v)))
		case opSDiv32:
			*dst = sdiv32(uint32(*dst), uint32(v))
		case vm.ALU | vm.MOD:
			*dst = mod64(uint64(uint32(*dst)), uint64(uint32(v)))
		case opSMod32:
			*dst = smod32(uint32(*dst), uint32(v))
		case vm.ALU | vm.OR:
			*dst = uint64(uint32(*dst | v))
		case vm.ALU | vm.AND:
			*dst = uint64(uint32(*dst & v))
		case vm.ALU | vm.XOR:
			*dst = uint64(uint32(*dst ^ v))
		case vm.ALU | vm.LSH:
			*dst = uint64(uint32(*dst) << (v & 31))
		case vm.ALU | vm.RSH:
			*dst = uint64(uint32(*dst) >> (v & 31))
		case vm.ALU | vm.ARSH:
			*dst = uint64(uint32(int32(*dst) >> (v & 31)))
		case vm.ALU | vm.NEG:
			*dst = uint64(uint32(-*dst))
		case vm.ALU | vm.MOV:
			*dst = uint64(uint32(v))
		case opMovSX32:
			*dst = uint64(uint32(signExtend(v, in.aux)))

		case opCast:
			*dst = m.opts.Arena.cast(v, in.aux)
		case opArena:
			m.accessArena(r, int(in.aux))

		case vm.LE:
			*dst = truncate(*dst, in.aux)
		case vm.BE, vm.BSWAP:
			*dst = bits.ReverseBytes64(*dst) >> (64 - uint(in.aux))

		case vm.LDX | vm.MEM | vm.B:
			b := mem.readable(v+uint64(in.aux), 1)
			if b == nil {
				goto badRead
			}
			*dst = uint64(b[0])
		case vm.LDX | vm.MEM | vm.H:
			b := mem.readable(v+uint64(in.aux), 2)
			if b == nil {
				goto badRead
			}
			*dst = uint64(binary.LittleEndian.Uint16(b))
		case vm.LDX | vm.MEM | vm.W:
			b := mem.readable(v+uint64(in.aux), 4)
			if b == nil {
				goto badRead
			}
			*dst = uint64(binary.LittleEndian.Uint32(b))
		case vm.LDX | vm.MEM | vm.DW:
			b := mem.readable(v+uint64(in.aux), 8)
			if b == nil {
				goto badRead
			}
			*dst = binary.LittleEndian.Uint64(b)
		case vm.LDX | vm.MEMSX | vm.B:
			b := mem.readable(v+uint64(in.aux), 1)
			if b == nil {
				goto badRead
			}
			*dst = uint64(int8(b[0]))
		case vm.LDX | vm.MEMSX | vm.H:
			b := mem.readable(v+uint64(in.aux), 2)
			if b == nil {
				goto badRead
			}
			*dst = uint64(int16(binary.LittleEndian.Uint16(b)))
		case vm.LDX | vm.MEMSX | vm.W:
			b := mem.readable(v+uint64(in.aux), 4)
			if b == nil {
				goto badRead
			}
			*dst = uint64(int32(binary.LittleEndian.Uint32(b)))

		case vm.STX | vm.MEM | vm.B:
			b := mem.writable(*dst+uint64(in.aux), 1)
			if b == nil {
				goto badWrite
			}
			b[0] = byte(v)
		case vm.STX | vm.MEM | vm.H:
			b := mem.writable(*dst+uint64(in.aux), 2)
			if b == nil {
				goto badWrite
			}
			binary.LittleEndian.PutUint16(b, uint16(v))
		case vm.STX | vm.MEM | vm.W:
			b := mem.writable(*dst+uint64(in.aux), 4)
			if b == nil {
				goto badWrite
			}
			binary.LittleEndian.PutUint32(b, uint32(v))
		case vm.STX | vm.MEM | vm.DW:
			b := mem.writable(*dst+uint64(in.aux), 8)
			if b == nil {
				goto badWrite
			}
			binary.LittleEndian.PutUint64(b, v)
		case vm.STX | vm.ATOMIC | vm.B, vm.STX | vm.ATOMIC | vm.H, vm.STX | vm.ATOMIC | vm.W, vm.STX | vm.ATOMIC | vm.DW:
			if err = mem.atomic(r, in); err != nil {
				break loop
			}

		case vm.JMP | vm.JA:
			pc = int(in.aux)
		case vm.MayGoto:
			if f := &m.frames[m.depth]; f.loops == 0 {
				pc = int(in.aux)
			} else {
				f.loops--
			}
		case vm.JMP | vm.JEQ:
			if *dst == v {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JNE:
			if *dst != v {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JGT:
			if *dst > v {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JGE:
			if *dst >= v {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JLT:
			if *dst < v {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JLE:
			if *dst <= v {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JSET:
			if *dst&v != 0 {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JSGT:
			if int64(*dst) > int64(v) {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JSGE:
			if int64(*dst) >= int64(v) {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JSLT:
			if int64(*dst) < int64(v) {
				pc = int(in.aux)
			}
		case vm.JMP | vm.JSLE:
			if int64(*dst) <= int64(v) {
				pc = int(in.aux)
			}

		case vm.JMP32 | vm.JEQ:
			if uint32(*dst) == uint32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JNE:
			if uint32(*dst) != uint32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JGT:
			if uint32(*dst) > uint32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JGE:
			if uint32(*dst) >= uint32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JLT:
			if uint32(*dst) < uint32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JLE:
			if uint32(*dst) <= uint32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JSET:
			if uint32(*dst)&uint32(v) != 0 {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JSGT:
			if int32(*dst) > int32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JSGE:
			if int32(*dst) >= int32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JSLT:
			if int32(*dst) < int32(v) {
				pc = int(in.aux)
			}
		case vm.JMP32 | vm.JSLE:
			if int32(*dst) <= int32(v) {
				pc = int(in.aux)
			}

		case vm.JMP | vm.CALL:
			m.left = left // a helper may call back
			r[vm.R0], err = m.code.helpers[in.aux](mem, r[1], r[2], r[3], r[4], r[5])
			if left = m.left; err != nil {
				break loop
			}
		case opLocalCall:
			if err = m.push(r, pc); err != nil {
				break loop
			}
			pc = int(in.aux)
		case vm.CALLX:
			var next int
			if next, err = m.callx(r, *dst, pc); err != nil {
				break loop
			}
			pc = next
		case opTailCall:
			var taken bool
			if taken, err = m.tailCall(r); err != nil {
				break loop
			}
			if taken {
				ops, pc = m.code.ops, 0
			}
		case vm.JMP | vm.EXIT:
			if m.depth == m.floor {
				break loop
			}
			pc = m.pop(r)
			ops = m.code.ops
		}
		continue

	badRead:
		err = mem.explain(v+uint64(in.aux), uint64(in.code.Bytes()), false)
		break
	badWrite:
		err = mem.explain(*dst+uint64(in.aux), uint64(in.code.Bytes()), true)
		break
	}
	m.left = left
	return m.locate(err, pc-1)
}
