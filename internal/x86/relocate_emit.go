package x86

import (
	"encoding/binary"
	"math"
)

// emit writes the copy of every live instruction.
func (r *relocator) emit() error {
	for i := range r.insts {
		p := &r.insts[i]
		if !p.live {
			continue
		}
		p.new = len(r.out.Code)
		r.out.Index = append(r.out.Index, Moved{p.off, p.new})
		if err := r.emitOne(p); err != nil {
			return err
		}
	}
	r.out.Index = append(r.out.Index, Moved{len(r.code), len(r.out.Code)})
	if r.endsInCall() {
		r.emitSlot()
	}
	return nil
}

func (r *relocator) emitOne(p *placed) error {
	switch p.Flow() {
	case FlowCond, FlowJump:
		r.emitBranch(p, r.branchHead(p))
	case FlowLoop:
		r.emitBranch(p, loopHead(p))
	case FlowCall:
		return r.emitCall(p)
	case FlowCallIndirect:
		return r.emitCallIndirect(p)
	default:
		return r.copyOf(p, r.bytes(p))
	}
	return nil
}

// jmpRel32Len is the length of e9 rel32.
const jmpRel32Len = 5

// branchHead is what precedes the rel32 of a jcc, jmp or xbegin. A short
// branch loses its prefixes, which are but hints.
func (r *relocator) branchHead(p *placed) []byte {
	switch {
	case p.Rel.Len == 4:
		return r.bytes(p)[:p.Rel.Off]
	case p.Op == 0xeb:
		return []byte{0xe9}
	}
	return []byte{0x0f, 0x80 | p.Op&0x0f}
}

// loopHead: loop and jrcxz have no long form. Taken, they skip a jump over the
// jump to their target.
func loopHead(p *placed) []byte {
	head := []byte{p.Op, 2, 0xeb, jmpRel32Len, 0xe9}
	if p.AddrSize { // counts in ecx
		head = append([]byte{0x67}, head...)
	}
	return head
}

// emitBranch writes head and the rel32 to p's target.
func (r *relocator) emitBranch(p *placed, head []byte) {
	r.out.Code = append(r.out.Code, head...)
	at := len(r.out.Code)
	r.out.Code = append(r.out.Code, 0, 0, 0, 0)
	if p.inner != outside {
		r.inner = append(r.inner, innerBranch{at, p.inner})
		return
	}
	target, _ := p.Target(r.bytes(p), r.addr+uint64(p.off))
	r.fix(Fixup{At: at, Kind: FixRel32, Target: target})
}

func (r *relocator) fix(f Fixup) { r.out.Fixups = append(r.out.Fixups, f) }

// copyOf writes b, which is p or has its RIP-relative operand at the same
// place, and keeps the operand's address.
func (r *relocator) copyOf(p *placed, b []byte) error {
	at := len(r.out.Code)
	r.out.Code = append(r.out.Code, b...)
	target, relative := p.RIPTarget(r.addr + uint64(p.off))
	if !relative {
		return nil
	}
	if err := r.checkOperand(p, target); err != nil {
		return err
	}
	field := at + int(p.Disp.Off)
	clear(r.out.Code[field : field+4])
	r.fix(Fixup{At: field, Kind: FixRel32, Target: target, Tail: p.Len - int(p.Disp.Off) - 4})
	return nil
}

func (r *relocator) checkOperand(p *placed, target uint64) error {
	if p.AddrSize {
		return r.refuse(p, "it computes a 32-bit address relative to itself")
	}
	off, inside := r.inWindow(target)
	if inside && !(p.IsLea() && off == 0) {
		return r.refuse(p, "its operand is one of the bytes that the patch overwrites")
	}
	return nil
}

// checkCall refuses a call whose return address would not outlive the patch.
func (r *relocator) checkCall(p *placed) error {
	if p.off+p.Len != len(r.code) {
		return r.refuse(p, "a call can be moved only as the last instruction of the window")
	}
	return nil
}

func (r *relocator) endsInCall() bool {
	if len(r.insts) == 0 {
		return false
	}
	last := &r.insts[len(r.insts)-1]
	flow := last.Flow()
	return last.live && (flow == FlowCall || flow == FlowCallIndirect)
}

// emitReturnAddress makes [rsp] the original return address, which lies in the
// slot behind the jump that follows:
//
//	   call 1f
//	   int3
//	1: push slot(%rip)
//	   pop (%rsp)
//
// A plain push would do the same, but leave the processor's return stack one
// entry short, so that not only this return is predicted wrongly but those of
// all callers as well (12 ns each).
func (r *relocator) emitReturnAddress(jumpLen int) {
	pop := []byte{0x8f, 0x04, 0x24} // with rsp as it is after the pop
	r.out.Code = append(r.out.Code, 0xe8, 1, 0, 0, 0, 0xcc, 0xff, 0x35)
	r.out.Code = binary.LittleEndian.AppendUint32(r.out.Code, uint32(len(pop)+jumpLen))
	r.out.Code = append(r.out.Code, pop...)
}

// emitSlot writes the slot of emitReturnAddress.
func (r *relocator) emitSlot() {
	r.fix(Fixup{At: len(r.out.Code), Kind: FixAbs64, Target: r.addr + uint64(len(r.code))})
	r.out.Code = append(r.out.Code, make([]byte, 8)...)
}

func (r *relocator) emitCall(p *placed) error {
	if err := r.checkCall(p); err != nil {
		return err
	}
	r.emitReturnAddress(jmpRel32Len)
	r.emitBranch(p, []byte{0xe9})
	return nil
}

func (r *relocator) emitCallIndirect(p *placed) error {
	if err := r.checkCall(p); err != nil {
		return err
	}
	if why := disturbed(p.Inst); why != "" {
		return r.refuse(p, why)
	}
	jmp := jumpOf(r.bytes(p), p.Inst)
	r.emitReturnAddress(len(jmp))
	return r.copyOf(p, jmp)
}

// disturbed says why the jump behind emitReturnAddress is not the same as the
// indirect call, which reads its operand before it pushes.
func disturbed(in Inst) string {
	switch {
	case in.isFar():
		return "a far call also pushes the code segment"
	case !in.HasMem && Reg(in.RM) == RSP:
		return "it calls the address in rsp, which the pushed return address changes"
	case !in.HasMem || in.Mem.Base != RSP:
		return ""
	case in.AddrSize:
		return "it addresses the stack with 32 bits"
	case in.Mem.Disp < 0:
		return "it reads below rsp, where the return address is pushed"
	case in.Mem.Disp > math.MaxInt32-8:
		return "its displacement cannot grow by the pushed 8 bytes"
	}
	return ""
}

// jumpOf turns the near indirect call b, ff /2, into the jump ff /4 that finds
// the same operand after 8 bytes have been pushed.
func jumpOf(b []byte, in Inst) []byte {
	const digit2to4 = (2 ^ 4) << 3
	jmp := append([]byte(nil), b...)
	modrm := int(in.ModRM.Off)
	jmp[modrm] ^= digit2to4
	if in.Mem.Base != RSP {
		return jmp
	}
	disp := in.Mem.Disp + 8
	jmp = jmp[:modrm+2] // ModRM and, for rsp as a base, always SIB
	if disp <= math.MaxInt8 {
		jmp[modrm] = 0x64 // disp8
		return append(jmp, byte(disp))
	}
	jmp[modrm] = 0xa4 // disp32
	return binary.LittleEndian.AppendUint32(jmp, uint32(disp))
}

// link resolves the branches within the copy.
func (r *relocator) link() {
	for _, b := range r.inner {
		distance := r.insts[b.target].new - (b.at + 4)
		binary.LittleEndian.PutUint32(r.out.Code[b.at:], uint32(distance))
	}
}
