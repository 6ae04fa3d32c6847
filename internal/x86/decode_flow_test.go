package x86

import "testing"

func TestFlow(t *testing.T) {
	for _, c := range []struct {
		hex, asm string
		want     Flow
	}{
		{"90", "nop", FlowNext},
		{"c3", "ret", FlowRet},
		{"f3 c3", "repz ret", FlowRet},
		{"c2 0800", "ret $8", FlowRet},
		{"cb", "lret", FlowRet},
		{"48 cf", "iretq", FlowRet},
		{"e8 00000000", "call", FlowCall},
		{"ff d0", "call *%rax", FlowCallIndirect},
		{"41 ff 14 24", "call *(%r12)", FlowCallIndirect},
		{"3e ff d0", "notrack call *%rax", FlowCallIndirect},
		{"ff 18", "lcall *(%rax)", FlowCallIndirect},
		{"e9 00000000", "jmp", FlowJump},
		{"eb 00", "jmp, short", FlowJump},
		{"ff e0", "jmp *%rax", FlowJumpIndirect},
		{"ff 25 00000000", "jmp *0(%rip)", FlowJumpIndirect},
		{"ff 28", "ljmp *(%rax)", FlowJumpIndirect},
		{"70 00", "jo", FlowCond},
		{"7f 00", "jg", FlowCond},
		{"0f 80 00000000", "jo, near", FlowCond},
		{"0f 8f 00000000", "jg, near", FlowCond},
		{"c7 f8 00000000", "xbegin", FlowCond},
		{"e0 00", "loopne", FlowLoop},
		{"e1 00", "loope", FlowLoop},
		{"e2 00", "loop", FlowLoop},
		{"e3 00", "jrcxz", FlowLoop},
		{"67 e3 00", "jecxz", FlowLoop},
		{"cc", "int3", FlowTrap},
		{"cd 80", "int $0x80", FlowTrap},
		{"f1", "int1", FlowTrap},
		{"f4", "hlt", FlowTrap},
		{"0f 0b", "ud2", FlowTrap},
		{"0f b9 c0", "ud1", FlowTrap},
		{"0f ff c0", "ud0", FlowTrap},
		{"0f 05", "syscall", FlowSyscall},
		{"0f 34", "sysenter", FlowSyscall},
		{"ff 30", "push (%rax)", FlowNext},
		{"c7 c0 00000000", "mov $0,%eax", FlowNext},
		{"c5 f8 05 c0", "VEX opcode 05", FlowNext},
		{"0f 38 c3 c0", "0f38 opcode c3", FlowNext},
	} {
		inst, err := Decode(unhex(t, c.hex))
		if err != nil || inst.Flow() != c.want {
			t.Errorf("%s (%s): %v, %v, want %v", c.asm, c.hex, inst.Flow(), err, c.want)
		}
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		hex    string
		addr   uint64
		target uint64
		direct bool
	}{
		{"e8 fbffffff", 0x1000, 0x1000, true},
		{"e9 00000080", 0x1000, 0xffffffff80001005, true}, // wraps, as the processor does
		{"eb fe", 0x1000, 0x1000, true},
		{"74 7f", 0x1000, 0x1081, true},
		{"75 80", 0x1000, 0xf82, true},
		{"0f 84 fa000000", 0x1000, 0x1100, true},
		{"67 e3 02", 0x1000, 0x1005, true},
		{"c7 f8 0a000000", 0x1000, 0x1010, true},
		{"ff d0", 0x1000, 0, false},
		{"c3", 0x1000, 0, false},
	} {
		b := unhex(t, c.hex)
		inst, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := inst.Target(b, c.addr); got != c.target || ok != c.direct {
			t.Errorf("%s: target %#x %v, want %#x %v", c.hex, got, ok, c.target, c.direct)
		}
		if _, ok := inst.Target(b[:1], c.addr); ok && inst.Len > 1 {
			t.Errorf("%s: a target was read from one byte", c.hex)
		}
	}
}

func TestRIPTarget(t *testing.T) {
	for _, c := range []struct {
		hex    string
		target uint64
		ok     bool
	}{
		{"8b 05 f0ffffff", 0xff6, true},
		{"c7 05 ecffffff 00000000", 0xff6, true}, // the immediate counts
		{"c5 f8 10 05 eeffffff", 0xff6, true},
		{"62 f1 7c 48 28 05 ecffffff", 0xff6, true},
		{"48 8d 05 00000080", 0xffffffff80001007, true},
		{"8b 45 f0", 0, false},
		{"8b 04 25 f0000000", 0, false},
	} {
		inst, err := Decode(unhex(t, c.hex))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := inst.RIPTarget(0x1000); got != c.target || ok != c.ok {
			t.Errorf("%s: %#x %v, want %#x %v", c.hex, got, ok, c.target, c.ok)
		}
	}
}

func TestImmediate(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want int64
		ok   bool
	}{
		{"b8 e7000000", 0xe7, true},
		{"b8 feffffff", -2, true},
		{"48 c7 c0 feffffff", -2, true},
		{"48 b8 8877665544332281", -0x7eddccbbaa998878, true},
		{"66 b8 feff", -2, true},
		{"6a 80", -128, true},
		{"81 3d 11111111 22222222", 0x22222222, true},
		{"c8 100001", 0, false},
		{"66 0f 78 c0 04 05", 0, false},
		{"31 c0", 0, false},
		{"e8 01000000", 0, false},
	} {
		b := unhex(t, c.hex)
		inst, err := Decode(b)
		if got, ok := inst.Immediate(b); err != nil || got != c.want || ok != c.ok {
			t.Errorf("%s: %#x %v, %v, want %#x %v", c.hex, got, ok, err, c.want, c.ok)
		}
	}
}

func TestQueries(t *testing.T) {
	const endbr, nop, int3, lea = 1, 2, 4, 8
	for _, c := range []struct {
		hex, asm string
		is       int
	}{
		{"f3 0f 1e fa", "endbr64", endbr},
		{"f3 0f 1e fb", "endbr32", 0},
		{"0f 1e fa", "nop %edx", 0},
		{"f3 48 0f 1e ca", "rdsspq %rdx", 0},
		{"f3 48 0f 1e fa", "endbr64 with REX.W: no landing pad by the book", 0},
		{"90", "nop", nop},
		{"66 90", "xchg %ax,%ax", nop},
		{"48 90", "rex.W nop", nop},
		{"f3 90", "pause", 0},
		{"41 90", "xchg %eax,%r8d", 0},
		{"91", "xchg %eax,%ecx", 0},
		{"87 c0", "xchg %eax,%eax: clears the upper half", 0},
		{"0f 1f 00", "nopl (%rax)", nop},
		{"0f 1f 80 00000000", "nopl 0(%rax)", nop},
		{"66 2e 0f 1f 84 00 00000000", "cs nopw", nop},
		{"66 66 2e 0f 1f 84 00 00000000", "data16 cs nopw", nop},
		{"66 66 66 66 2e 0f 1f 84 00 00000000", "data16 data16 data16 cs nopw", nop},
		{"f0 90", "lock nop: faults", 0},
		{"0f 18 00", "prefetchnta (%rax)", 0},
		{"cc", "int3", int3},
		{"cd 03", "int $3", 0},
		{"48 8d 05 00000000", "lea 0(%rip),%rax", lea},
		{"8d 76 00", "lea 0(%rsi),%esi", lea},
		{"48 8b 05 00000000", "mov 0(%rip),%rax", 0},
		{"c5 f8 8d 00", "VEX opcode 8d", 0},
	} {
		i, err := Decode(unhex(t, c.hex))
		if err != nil {
			t.Errorf("%s: %v", c.asm, err)
			continue
		}
		if i.IsEndbr64() != (c.is == endbr) || i.IsNop() != (c.is == nop) || i.IsLea() != (c.is == lea) ||
			i.IsPadding() != (c.is == nop || c.is == int3) {
			t.Errorf("%s (%s): endbr64 %v, nop %v, padding %v, lea %v",
				c.asm, c.hex, i.IsEndbr64(), i.IsNop(), i.IsPadding(), i.IsLea())
		}
	}
}
