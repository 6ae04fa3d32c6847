package x86

// Flow says where control goes after an instruction.
type Flow uint8

const (
	FlowNext         Flow = iota // on to the next one
	FlowRet                      // ret, retf, iret: to an address on the stack
	FlowCall                     // to Target, and back
	FlowCallIndirect             // near or far, through a register or memory, and back
	FlowJump                     // to Target
	FlowJumpIndirect             // near or far, through a register or memory
	FlowCond                     // to Target or on: jcc, and xbegin, which aborts to Target
	FlowLoop                     // to Target or on: loop, loope, loopne, jrcxz (rel8 only)
	FlowTrap                     // int3, int n, int1, ud0-2, hlt: to a handler, perhaps back
	FlowSyscall                  // syscall, sysenter: to the kernel, and on
)

var flowNames = [...]string{
	"next", "ret", "call", "call indirect", "jump", "jump indirect", "cond", "loop", "trap", "syscall",
}

// String names the flow in messages.
func (f Flow) String() string {
	if int(f) < len(flowNames) {
		return flowNames[f]
	}
	return "invalid"
}

// Flow classifies the instruction.
func (in Inst) Flow() Flow {
	switch {
	case in.Enc != Legacy:
		return FlowNext
	case in.Map == MapOneByte:
		return in.oneByteFlow()
	case in.Map == Map0F:
		return in.twoByteFlow()
	}
	return FlowNext
}

func (in Inst) oneByteFlow() Flow {
	switch op := in.Op; {
	case op >= 0x70 && op <= 0x7f:
		return FlowCond
	case op >= 0xe0 && op <= 0xe3:
		return FlowLoop
	case op == 0xe8:
		return FlowCall
	case op == 0xe9, op == 0xeb:
		return FlowJump
	case op == 0xc2, op == 0xc3, op == 0xca, op == 0xcb, op == 0xcf:
		return FlowRet
	case op == 0xcc, op == 0xcd, op == 0xf1, op == 0xf4:
		return FlowTrap
	case op == 0xc7 && in.Rel.Len != 0: // xbegin
		return FlowCond
	case op == 0xff:
		return in.group5Flow()
	}
	return FlowNext
}

func (in Inst) group5Flow() Flow {
	switch in.digit() {
	case 2, 3:
		return FlowCallIndirect
	case 4, 5:
		return FlowJumpIndirect
	}
	return FlowNext
}

func (in Inst) twoByteFlow() Flow {
	switch op := in.Op; {
	case op >= 0x80 && op <= 0x8f:
		return FlowCond
	case op == 0x05, op == 0x34:
		return FlowSyscall
	case op == 0x0b, op == 0xb9, op == 0xff:
		return FlowTrap
	}
	return FlowNext
}

// isFar tells whether in changes the code segment too: its stack frame and its
// operand differ from a near branch's.
func (in Inst) isFar() bool {
	switch {
	case in.Enc != Legacy || in.Map != MapOneByte:
		return false
	case in.Op == 0xff:
		return in.digit() == 3 || in.digit() == 5
	}
	return in.Op == 0xca || in.Op == 0xcb || in.Op == 0xcf
}

// isNearIndirect tells whether in loads RIP from a register, memory or the
// stack without changing the code segment.
func (in Inst) isNearIndirect() bool {
	switch in.Flow() {
	case FlowRet, FlowCallIndirect, FlowJumpIndirect:
		return !in.isFar()
	}
	return false
}

// Target is where the direct branch b, decoded as in and standing at addr,
// goes. It is false for everything else.
func (in Inst) Target(b []byte, addr uint64) (uint64, bool) {
	if in.Rel.Len == 0 || len(b) < in.Len {
		return 0, false
	}
	return addr + uint64(in.Len) + uint64(signed(b, in.Rel)), true
}
