package interp

import (
	"encoding/binary"

	"github.com/bpftime-go/bpftime/vm"
)

// atomic executes an atomic operation. The values of 4 bytes and fewer are
// zero-extended wherever they go.
func (m *Memory) atomic(r *registers, in *op) error {
	size := uint64(in.code.Bytes())
	base, find := in.dst, m.writable
	if in.imm == vm.LOAD_ACQ {
		base, find = in.src, m.readable
	}
	addr := r[base] + uint64(in.aux)
	b := find(addr, size)
	if b == nil {
		return m.explain(addr, size, in.imm != vm.LOAD_ACQ)
	}
	in.operate(r, b)
	return nil
}

// operate does it to the bytes that it is about.
func (in *op) operate(r *registers, b []byte) {
	size := len(b)
	old, src := load(b), truncate(r[in.src], int32(8*size))
	switch in.imm &^ vm.FETCH {
	case vm.LOAD_ACQ:
		r[in.dst] = old
		return
	case vm.AtomicADD:
		store(b, old+src)
	case vm.AtomicOR:
		store(b, old|src)
	case vm.AtomicAND:
		store(b, old&src)
	case vm.AtomicXOR:
		store(b, old^src)
	case vm.XCHG &^ vm.FETCH, vm.STORE_REL:
		store(b, src)
	case vm.CMPXCHG &^ vm.FETCH:
		if old == truncate(r[vm.R0], int32(8*size)) {
			store(b, src)
		}
		r[vm.R0] = old
		return
	}
	if in.imm&vm.FETCH != 0 {
		r[in.src] = old
	}
}

// load reads 1, 2, 4 or 8 bytes.
func load(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func store(b []byte, v uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, v)
	}
}
