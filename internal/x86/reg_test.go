package x86

import "testing"

func TestRegIsTheEncodingNumber(t *testing.T) {
	for _, c := range []struct {
		reg  Reg
		num  uint8
		name string
	}{
		{RAX, 0, "rax"}, {RCX, 1, "rcx"}, {RDX, 2, "rdx"}, {RBX, 3, "rbx"},
		{RSP, 4, "rsp"}, {RBP, 5, "rbp"}, {RSI, 6, "rsi"}, {RDI, 7, "rdi"},
		{R8, 8, "r8"}, {R12, 12, "r12"}, {R13, 13, "r13"}, {R15, 15, "r15"},
		{RIP, 16, "rip"}, {NoReg, 0xff, "none"}, {17, 17, "invalid"},
	} {
		if uint8(c.reg) != c.num || c.reg.String() != c.name {
			t.Errorf("register %d prints as %q, want %d %q", uint8(c.reg), c.reg, c.num, c.name)
		}
	}
}
