package plan

import (
	"encoding/binary"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Fill is what lies between pieces of code: int3.
const Fill = 0xcc

// Len is the offset at which the next byte of code will lie.
func (u *Unit) Len() uint32 { return uint32(len(u.Code)) }

// Align pads the code to a multiple of n and returns the offset.
func (u *Unit) Align(n uint32) uint32 {
	for u.Len()%n != 0 {
		u.Code = append(u.Code, Fill)
	}
	return u.Len()
}

// Emit appends bytes and returns where they lie.
func (u *Unit) Emit(b ...byte) uint32 {
	at := u.Len()
	u.Code = append(u.Code, b...)
	return at
}

// Emit32 appends a 32-bit field.
func (u *Unit) Emit32(v uint32) uint32 {
	at := u.Len()
	u.Code = binary.LittleEndian.AppendUint32(u.Code, v)
	return at
}

// Emit64 appends a 64-bit field.
func (u *Unit) Emit64(v uint64) uint32 {
	at := u.Len()
	u.Code = binary.LittleEndian.AppendUint64(u.Code, v)
	return at
}

// Put32 overwrites a 32-bit field.
func (u *Unit) Put32(at, v uint32) { binary.LittleEndian.PutUint32(u.Code[at:], v) }

// Rel32 appends a 4-byte field that holds the distance to an offset in Code.
func (u *Unit) Rel32(to uint32) { u.Emit32(to - (u.Len() + 4)) }

// Field appends an empty field and the relocation that fills it.
func (u *Unit) Field(kind, sym uint32, addend int64) uint32 {
	r := Reloc{Kind: kind, At: u.Len(), Sym: sym, Addend: addend}
	u.Relocs = append(u.Relocs, r)
	u.Code = append(u.Code, make([]byte, r.width())...)
	return r.At
}

// ModuleRel32 appends a 4-byte field that holds the distance from the end of its
// instruction, tail bytes behind the field, to an address of the module.
func (u *Unit) ModuleRel32(vaddr uint64, tail int) {
	u.Field(abi.RELOC_MODULE_REL32, 0, int64(vaddr)-int64(tail))
}
