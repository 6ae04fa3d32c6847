package x86

// The encoding table. A mnemonic has forms, tried in order, so the shortest
// stands first. Roles are written as in the opcode maps of the SDM (volume 2,
// appendix A.2): they say which operand fits and where it is encoded.

type mnemonic uint8

const (
	opAdd mnemonic = iota + 1
	opOr
	opAdc
	opSbb
	opAnd
	opSub
	opXor
	opCmp
	opTest
	opMov
	opMovAbs
	opMovZX
	opMovSX
	opMovBE
	opLea
	opInc
	opDec
	opNeg
	opNot
	opMul
	opDiv
	opIDiv
	opIMul
	opRol
	opRor
	opShl
	opShr
	opSar
	opShlx
	opShrx
	opSarx
	opRorx
	opCdq
	opCqo
	opCdqe
	opBswap
	opXchg
	opXadd
	opCmpxchg
	opJmp
	opCall
	opJcc
	opSetcc
	opCmovcc
	opPush
	opPop
	opRet
	opLeave
	opLahf
	opSahf
	opPause
	opRdtsc
	opInt3
	opUd2
	opSyscall
	opEndbr64
	opNop
	numMnemonics
)

// role is the place of one operand.
type role uint8

const (
	_      role = iota
	roleE       // register or memory in ModRM.rm
	roleM       // memory in ModRM.rm
	roleG       // register in ModRM.reg
	roleZ       // register in the low bits of the opcode
	roleA       // the accumulator, not encoded
	roleC       // CL, not encoded
	roleV       // register in VEX.vvvv
	roleI1      // the constant 1, not encoded
	roleIb      // 8 bits, sign-extended
	roleIu      // 8 bits, unsigned: a count
	roleIz      // 8, 16 or 32 bits by the width, sign-extended to 64
	roleIv      // 64 bits
	roleJz      // rel32 to a label or symbol
)

// Opcode maps.
const (
	map1    = iota // one byte
	map0F          // 0F xx
	map0F38        // 0F 38 xx
	map0F3A        // 0F 3A xx
)

// Properties of a form.
const (
	any64   uint16 = 1 << iota // 64 bits wide without REX.W
	from8                      // movzx, movsx: the source has 8 bits
	from16                     // … 16
	from32                     // … 32
	withCC                     // the condition is added to the opcode
	canLock                    // LOCK is allowed if the destination is memory
	vex                        // VEX prefix, L0
)

// Widths a form has. A form that has all of them stands for two rows of the
// opcode map: the byte form is the opcode with bit 0 clear.
const (
	wAll  = W8 | W16 | W32 | W64
	wWord = W16 | W32 | W64
	wLong = W32 | W64
)

const noDigit = 0xff

// form is one row: which operands, and which bytes.
type form struct {
	args  [3]role
	w     Width // a set
	pp    byte  // VEX.pp: none, 66, F3, F2
	omap  uint8
	op    byte
	digit byte // opcode extension in ModRM.reg, or noDigit
	flags uint16
	raw   string // the bytes, where there is nothing to encode
}

func row(w Width, op, digit byte, flags uint16, args ...role) form {
	f := form{w: w, op: op, digit: digit, flags: flags}
	copy(f.args[:], args)
	return f
}

// in puts a form into another opcode map.
func (f form) in(omap uint8) form {
	f.omap = omap
	return f
}

// prefixed sets VEX.pp.
func (f form) prefixed(pp byte) form {
	f.pp = pp
	return f
}

// arithmetic is the row of eight that ADD to CMP share; n is the operation.
func arithmetic(n byte, flags uint16) []form {
	return []form{
		row(wWord, 0x83, n, flags, roleE, roleIb),
		row(wAll, 8*n+5, noDigit, 0, roleA, roleIz),
		row(wAll, 0x81, n, flags, roleE, roleIz),
		row(wAll, 8*n+1, noDigit, flags, roleE, roleG),
		row(wAll, 8*n+3, noDigit, 0, roleG, roleM),
	}
}

func shift(n byte) []form {
	return []form{
		row(wAll, 0xd1, n, 0, roleE, roleI1),
		row(wAll, 0xc1, n, 0, roleE, roleIu),
		row(wAll, 0xd3, n, 0, roleE, roleC),
	}
}

func unary(op, digit byte, flags uint16) []form {
	return []form{row(wAll, op, digit, flags, roleE)}
}

func extend(op byte) []form {
	return []form{
		row(wWord, op, noDigit, from8, roleG, roleE).in(map0F),
		row(wLong, op+1, noDigit, from16, roleG, roleE).in(map0F),
	}
}

func shiftx(pp byte) []form {
	return []form{row(wLong, 0xf7, noDigit, vex, roleG, roleE, roleV).in(map0F38).prefixed(pp)}
}

func exchange(omap uint8, op byte) []form {
	return []form{row(wAll, op, noDigit, canLock, roleE, roleG).in(omap)}
}

func raw(w Width, bytes string) []form { return []form{{w: w, raw: bytes}} }

var forms = [numMnemonics][]form{
	opAdd: arithmetic(0, canLock),
	opOr:  arithmetic(1, canLock),
	opAdc: arithmetic(2, canLock),
	opSbb: arithmetic(3, canLock),
	opAnd: arithmetic(4, canLock),
	opSub: arithmetic(5, canLock),
	opXor: arithmetic(6, canLock),
	opCmp: arithmetic(7, 0),
	opTest: {
		row(wAll, 0xa9, noDigit, 0, roleA, roleIz),
		row(wAll, 0xf7, 0, 0, roleE, roleIz),
		row(wAll, 0x85, noDigit, 0, roleE, roleG),
	},
	opMov: {
		row(wAll, 0x89, noDigit, 0, roleE, roleG),
		row(wAll, 0x8b, noDigit, 0, roleG, roleM),
		row(W8, 0xb0, noDigit, 0, roleZ, roleIz),
		row(W16|W32, 0xb8, noDigit, 0, roleZ, roleIz),
		row(wAll, 0xc7, 0, 0, roleE, roleIz),
	},
	opMovAbs: {row(W64, 0xb8, noDigit, 0, roleZ, roleIv)},
	opMovZX:  extend(0xb6),
	opMovSX:  append(extend(0xbe), row(W64, 0x63, noDigit, from32, roleG, roleE)),
	opMovBE: {
		row(wWord, 0xf0, noDigit, 0, roleG, roleM).in(map0F38),
		row(wWord, 0xf1, noDigit, 0, roleM, roleG).in(map0F38),
	},
	opLea:  {row(wWord, 0x8d, noDigit, 0, roleG, roleM)},
	opInc:  unary(0xff, 0, canLock),
	opDec:  unary(0xff, 1, canLock),
	opNot:  unary(0xf7, 2, canLock),
	opNeg:  unary(0xf7, 3, canLock),
	opMul:  unary(0xf7, 4, 0),
	opDiv:  unary(0xf7, 6, 0),
	opIDiv: unary(0xf7, 7, 0),
	opIMul: {
		row(wWord, 0xaf, noDigit, 0, roleG, roleE).in(map0F),
		row(wWord, 0x6b, noDigit, 0, roleG, roleE, roleIb),
		row(wWord, 0x69, noDigit, 0, roleG, roleE, roleIz),
	},
	opRol:     shift(0),
	opRor:     shift(1),
	opShl:     shift(4),
	opShr:     shift(5),
	opSar:     shift(7),
	opShlx:    shiftx(1),
	opShrx:    shiftx(3),
	opSarx:    shiftx(2),
	opRorx:    {row(wLong, 0xf0, noDigit, vex, roleG, roleE, roleIu).in(map0F3A).prefixed(3)},
	opCdq:     raw(W32, "\x99"),
	opCqo:     raw(W64, "\x48\x99"),
	opCdqe:    raw(W64, "\x48\x98"),
	opBswap:   {row(wLong, 0xc8, noDigit, 0, roleZ).in(map0F)},
	opXchg:    exchange(map1, 0x87),
	opXadd:    exchange(map0F, 0xc1),
	opCmpxchg: exchange(map0F, 0xb1),
	opJmp: {
		row(W64, 0xe9, noDigit, any64, roleJz),
		row(W64, 0xff, 4, any64, roleE),
	},
	opCall: {
		row(W64, 0xe8, noDigit, any64, roleJz),
		row(W64, 0xff, 2, any64, roleE),
	},
	opJcc:    {row(W64, 0x80, noDigit, any64|withCC, roleJz).in(map0F)},
	opSetcc:  {row(W8, 0x90, 0, withCC, roleE).in(map0F)},
	opCmovcc: {row(wWord, 0x40, noDigit, withCC, roleG, roleE).in(map0F)},
	opPush: {
		row(W64, 0x50, noDigit, any64, roleZ),
		row(W64, 0x6a, noDigit, any64, roleIb),
		row(W64, 0x68, noDigit, any64, roleIz),
		row(W64, 0xff, 6, any64, roleE),
	},
	opPop: {
		row(W64, 0x58, noDigit, any64, roleZ),
		row(W64, 0x8f, 0, any64, roleE),
	},
	opRet:     raw(W64, "\xc3"),
	opLeave:   raw(W64, "\xc9"),
	opLahf:    raw(W8, "\x9f"),
	opSahf:    raw(W8, "\x9e"),
	opPause:   raw(W8, "\xf3\x90"),
	opRdtsc:   raw(W8, "\x0f\x31"),
	opInt3:    raw(W8, "\xcc"),
	opUd2:     raw(W8, "\x0f\x0b"),
	opSyscall: raw(W8, "\x0f\x05"),
	opEndbr64: raw(W8, "\xf3\x0f\x1e\xfa"),
	opNop:     raw(W8, ""), // nops has the bytes
}

// nops are the recommended sequences (SDM volume 2, NOP).
var nops = [10]string{
	1: "\x90",
	2: "\x66\x90",
	3: "\x0f\x1f\x00",
	4: "\x0f\x1f\x40\x00",
	5: "\x0f\x1f\x44\x00\x00",
	6: "\x66\x0f\x1f\x44\x00\x00",
	7: "\x0f\x1f\x80\x00\x00\x00\x00",
	8: "\x0f\x1f\x84\x00\x00\x00\x00\x00",
	9: "\x66\x0f\x1f\x84\x00\x00\x00\x00\x00",
}
