package syscallhook

import "github.com/bpftime-go/bpftime/internal/x86"

// far is how many instructions before a syscall may lie between it and the one that
// sets the number.
const far = 8

// number is which call the syscall insns[i] makes, by the last instruction before it
// that sets rax: one of a known form, which what lies between leaves alone. Whoever
// relies on it lets calls of other numbers pass unseen, so it is known only where
// nobody can bring another one.
func (f *entries) number(i int) Number {
	for n := 0; n < far && i > 0 && !f.at(f.insns[i]); n++ {
		i--
		if number, sets := numberIn(f.insns[i]); sets {
			return number
		}
	}
	return Number{}
}

// numberIn is what an instruction leaves in rax. What is not known to leave rax alone
// sets it to something unknown.
func numberIn(in insn) (n Number, sets bool) {
	if in.IsNop() {
		return n, false
	}
	if in.Enc != x86.Legacy || in.Map != x86.MapOneByte || in.Len == 0 || in.OpSize { // 16 bits are not all of it
		return n, true
	}
	imm, _ := in.Immediate(in.b)
	switch op := in.Op; {
	case op&^7 == 0xb8: // mov $imm,%reg
		return known(imm), op&7 == 0 && in.Rex&x86.RexB == 0
	case op == 0xc7 && !in.HasMem && in.Reg&7 == 0: // mov $imm,%reg, sign-extended
		return known(imm), in.RM == 0
	case (op == 0x31 || op == 0x33) && !in.HasMem && in.Reg == in.RM: // xor %reg,%reg
		return known(0), in.RM == 0
	case op == 0x89 && !in.HasMem, op == 0x83 && !in.HasMem: // mov %reg,%reg; add, sub, cmp $imm,%reg
		return n, in.RM == 0
	case op == 0x8b, op == 0x8d, op == 0x63: // mov, lea, movslq
		return n, in.Reg == 0
	case op == 0x89, op == 0xc7 && in.HasMem: // a store
		return n, false
	}
	return n, true
}

// known: the kernel looks at 32 bits of the number.
func known(v int64) Number { return Number{int32(v), true} }
