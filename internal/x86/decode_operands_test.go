package x86

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// operand is AT&T syntax: seg:disp(base,index,scale).
var operand = regexp.MustCompile(`(%[fg]s:)?(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+),([1248]))?\)`)

// compareMem holds the memory operand against the printed one. Where ModRM
// gives none (string instructions, xlat) nothing is compared.
func compareMem(l line, in Inst) error {
	if !in.HasMem || in.RIPRelative() {
		return nil
	}
	m := operand.FindStringSubmatch(l.args)
	if m == nil {
		return compareAbsolute(l, in)
	}
	disp, _ := strconv.ParseInt(m[2], 0, 64)
	want := Mem{Seg: segNamed(m[1]), Base: regNamed(m[3]), Index: regNamed(m[4]), Disp: int32(disp)}
	if m[5] != "" && want.Index != NoReg || in.VSIB {
		want.Scale = m[5][0] - '0'
	}
	if in.Compressed {
		if !isMultiple(want.Disp, in.Mem.Disp) {
			return fmt.Errorf("disp8 %d", in.Mem.Disp)
		}
		want.Disp = in.Mem.Disp
	}
	if in.Mem != want {
		return fmt.Errorf("operand %+v, want %+v", in.Mem, want)
	}
	return nil
}

// compareAbsolute checks an operand without registers, printed as a number.
func compareAbsolute(l line, in Inst) error {
	want := Mem{Base: NoReg, Index: NoReg, Seg: in.Mem.Seg, Disp: in.Mem.Disp}
	printed := fmt.Sprintf("0x%x", uint64(int64(in.Mem.Disp)))
	if in.AddrSize {
		printed = fmt.Sprintf("0x%x", uint32(in.Mem.Disp))
	}
	if in.Mem != want || !strings.Contains(l.args, printed) {
		return fmt.Errorf("operand %+v", in.Mem)
	}
	return nil
}

func isMultiple(disp, disp8 int32) bool {
	for n := int32(1); n <= 64; n *= 2 {
		if disp == disp8*n {
			return true
		}
	}
	return false
}

func segNamed(s string) Segment {
	return map[string]Segment{"%fs:": FS, "%gs:": GS}[s]
}

// regNamed knows 64-, 32- and 16-bit names; riz, eiz and vectors are no index.
func regNamed(s string) Reg {
	name := strings.TrimPrefix(s, "%")
	switch {
	case strings.HasPrefix(name, "e"):
		name = "r" + name[1:]
	case len(name) == 2 && name[0] != 'r':
		name = "r" + name
	default:
		name = strings.TrimRight(name, "dw")
	}
	for r := RAX; r <= R15; r++ {
		if r.String() == name {
			return r
		}
	}
	return NoReg
}

// compareRegs holds the registers of what the relocator and its users look at: the
// arithmetic, test, mov, lea and movslq with operands of more than a byte, and
// indirect branches.
func compareRegs(l line, in Inst) error {
	if in.Enc != Legacy || in.Map != MapOneByte {
		return nil
	}
	first, last := l.args, l.args
	if i := strings.IndexByte(l.args, ','); i >= 0 && !in.HasMem {
		first, last = l.args[:i], l.args[i+1:]
	} else if in.HasMem {
		first, _, _ = strings.Cut(l.args, ",")
		last = l.args[strings.LastIndexByte(l.args, ',')+1:]
	}
	switch op := in.Op; {
	case op < 0x40 && op&7 == 1, op == 0x85, op == 0x89:
		return compareReg(in, first, last)
	case op < 0x40 && op&7 == 3, op == 0x8b, op == 0x8d, op == 0x63:
		return compareReg(in, last, first)
	case op == 0xff && !in.HasMem && in.isNearIndirect():
		if got := regNamed(strings.TrimPrefix(l.args, "*")); got != Reg(in.RM) {
			return fmt.Errorf("register %v", in.RM)
		}
	}
	return nil
}

func compareReg(in Inst, reg, rm string) error {
	if regNamed(reg) != Reg(in.Reg) || !in.HasMem && regNamed(rm) != Reg(in.RM) {
		return fmt.Errorf("registers %v and %v", in.Reg, in.RM)
	}
	return nil
}

// compareImm holds an immediate against the first one that is printed. What a name
// has swallowed (cmpltps, pclmullqlqdq) is not compared.
func compareImm(l line, in Inst) error {
	i := strings.IndexByte(l.args, '$')
	if i < 0 || in.Enc == VEX && in.Map == Map0F3A && in.Op&^1 == 0x48 { // vpermil2ps has a register in it too
		return nil
	}
	got, one := in.Immediate(l.bytes)
	if !one {
		if in.is(MapOneByte, 0xd0) || in.is(MapOneByte, 0xd1) || in.Imm.Len > 1 { // shifts by 1; enter, extrq
			return nil
		}
		return errors.New("no immediate")
	}
	text, _, _ := strings.Cut(l.args[i+1:], ",")
	want, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		var u uint64
		u, err = strconv.ParseUint(text, 0, 64)
		want = int64(u)
	}
	unused := 64 - 8*int(in.Imm.Len)
	if err != nil || got<<unused != want<<unused {
		return fmt.Errorf("immediate %#x, %v", got, err)
	}
	return nil
}
