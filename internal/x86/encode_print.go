package x86

import (
	"fmt"
	"strings"
)

// names are the AT&T mnemonics without the width suffix.
var names = [numMnemonics]string{
	opAdd: "add", opOr: "or", opAdc: "adc", opSbb: "sbb", opAnd: "and", opSub: "sub", opXor: "xor", opCmp: "cmp",
	opTest: "test", opMov: "mov", opMovAbs: "movabs", opMovZX: "movz", opMovSX: "movs", opMovBE: "movbe", opLea: "lea",
	opInc: "inc", opDec: "dec", opNeg: "neg", opNot: "not", opMul: "mul", opDiv: "div", opIDiv: "idiv", opIMul: "imul",
	opRol: "rol", opRor: "ror", opShl: "shl", opShr: "shr", opSar: "sar",
	opShlx: "shlx", opShrx: "shrx", opSarx: "sarx", opRorx: "rorx",
	opCdq: "cltd", opCqo: "cqto", opCdqe: "cltq", opBswap: "bswap", opXchg: "xchg", opXadd: "xadd", opCmpxchg: "cmpxchg",
	opJmp: "jmp", opCall: "call", opJcc: "j", opSetcc: "set", opCmovcc: "cmov", opPush: "push", opPop: "pop",
	opRet: "retq", opLeave: "leaveq", opLahf: "lahf", opSahf: "sahf", opPause: "pause", opRdtsc: "rdtsc",
	opInt3: "int3", opUd2: "ud2", opSyscall: "syscall", opEndbr64: "endbr64", opNop: "nop",
}

// String prints the instruction as objdump -M suffix does, with one space
// after the mnemonic.
func (in Instr) String() string {
	if in.op == 0 || in.op >= numMnemonics {
		return "(bad)"
	}
	var args []string
	for i := len(in.kinds) - 1; i >= 0; i-- { // AT&T order: the destination last
		if in.shown(i) {
			args = append(args, in.operand(i))
		}
	}
	s := in.mnemonic()
	if in.lock {
		s = "lock " + s
	}
	if len(args) > 0 {
		s += " " + strings.Join(args, ",")
	}
	return s
}

// shown reports whether operand i is printed: a shift count of 1 is implied,
// and the length of a nop is no operand.
func (in Instr) shown(i int) bool {
	switch {
	case in.op == opNop, in.kinds[i] == none:
		return false
	case in.op >= opRol && in.op <= opSar && i == 1:
		return in.kinds[i] != isImm || in.imm != 1
	}
	return true
}

func (in Instr) mnemonic() string {
	name := names[in.op]
	switch in.op {
	case opJcc, opSetcc:
		return name + in.cond.String()
	case opCmovcc:
		return name + in.cond.String() + suffix(in.width)
	case opMovZX, opMovSX:
		return name + suffix(in.from) + suffix(in.width)
	case opJmp, opCall:
		if in.kinds[0] == isTarget {
			return name
		}
		return name + suffix(in.width)
	case opBswap:
		return name // the register says it
	}
	if forms[in.op][0].raw != "" || in.op == opNop {
		return name
	}
	return name + suffix(in.width)
}

func suffix(w Width) string {
	switch w {
	case W8:
		return "b"
	case W16:
		return "w"
	case W32:
		return "l"
	case W64:
		return "q"
	}
	return "?"
}

func (in Instr) operand(i int) string {
	var s string
	switch in.kinds[i] {
	case isReg:
		s = "%" + in.regs[i].Name(in.widthOf(i))
	case isMem:
		s = in.mem.String()
	case isImm:
		s = in.immString()
	case isTarget:
		return target(in.label, in.sym)
	}
	if in.op == opJmp || in.op == opCall {
		return "*" + s
	}
	return s
}

// widthOf is the width of a register operand.
func (in Instr) widthOf(i int) Width {
	switch {
	case in.from != 0 && i == 1:
		return in.from
	case i == 1 && in.op >= opRol && in.op <= opSar:
		return W8 // CL
	}
	return in.width
}

func (in Instr) immString() string {
	if in.sym != 0 {
		return fmt.Sprintf("$%s%+#x", target(0, in.sym), in.imm)
	}
	v := uint64(in.imm)
	if in.width < W64 {
		v &= 1<<(8*in.width) - 1
	}
	return fmt.Sprintf("$%#x", v)
}

func target(l Label, s Symbol) string {
	if s != 0 {
		return fmt.Sprintf("sym%d", s)
	}
	return fmt.Sprintf("L%d", l)
}

// String is the operand in AT&T syntax: seg:disp(base,index,scale).
func (m Mem) String() string {
	s := [...]string{"", "%fs:", "%gs:"}[min(m.Seg, GS)]
	if m.Label != 0 || m.Symbol != 0 {
		s += target(m.Label, m.Symbol)
		if m.Disp != 0 {
			s += fmt.Sprintf("%+#x", m.Disp)
		}
	} else {
		s += m.disp()
	}
	switch {
	case m.Base == NoReg && m.Scale == 0:
		return s
	case m.Scale == 0:
		return s + "(%" + m.Base.Name(W64) + ")"
	case m.Base == NoReg:
		return fmt.Sprintf("%s(,%%%s,%d)", s, m.Index.Name(W64), m.Scale)
	}
	return fmt.Sprintf("%s(%%%s,%%%s,%d)", s, m.Base.Name(W64), m.Index.Name(W64), m.Scale)
}

// disp prints the displacement where there is one in the bytes.
func (m Mem) disp() string {
	switch {
	case m.Base == NoReg && m.Scale == 0:
		return fmt.Sprintf("%#x", uint64(m.Disp))
	case m.Disp == 0 && m.Base <= R15 && m.Base&7 != 5:
		return ""
	}
	return fmt.Sprintf("%#x", m.Disp)
}

var legacyNames = [8][3]string{
	{"al", "ax", "eax"}, {"cl", "cx", "ecx"}, {"dl", "dx", "edx"}, {"bl", "bx", "ebx"},
	{"spl", "sp", "esp"}, {"bpl", "bp", "ebp"}, {"sil", "si", "esi"}, {"dil", "di", "edi"},
}

// Name is the register's name at a width, without the percent sign.
func (r Reg) Name(w Width) string {
	switch {
	case w == W64 || r > R15:
		return r.String()
	case r >= R8:
		return r.String() + map[Width]string{W8: "b", W16: "w", W32: "d"}[w]
	}
	return legacyNames[r][map[Width]int{W8: 0, W16: 1, W32: 2}[w]]
}
