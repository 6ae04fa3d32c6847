package x86

// Reg is a general-purpose register, numbered as ModRM, SIB and REX encode it.
// The same number names the register at every width.
type Reg uint8

const (
	RAX Reg = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
	RIP // only as the base of a memory operand

	NoReg Reg = 0xff
)

var regNames = [...]string{
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip",
}

// String is the 64-bit name, "none" for NoReg.
func (r Reg) String() string {
	switch {
	case int(r) < len(regNames):
		return regNames[r]
	case r == NoReg:
		return "none"
	}
	return "invalid"
}
