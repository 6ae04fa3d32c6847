package x86

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// unhex turns hex with spaces into bytes.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// at is disp(base), without an index.
func at(base Reg, disp int32) Mem { return Mem{Base: base, Index: NoReg, Disp: disp} }

func withSeg(seg Segment, m Mem) Mem {
	m.Seg = seg
	return m
}

// TestDecodeLength: one row for each way an opcode goes on. The hex is the
// instruction alone; decoding must use all of it, wherever it is cut.
func TestDecodeLength(t *testing.T) {
	for _, c := range []struct{ hex, asm string }{
		{"90", "nop"},
		{"c3", "ret"},
		{"c2 1000", "ret $0x10"},
		{"c8 100001", "enter $0x10,$1"},
		{"04 7f", "add $0x7f,%al"},
		{"05 78563412", "add $0x12345678,%eax"},
		{"66 05 3412", "add $0x1234,%ax"},
		{"48 05 78563412", "add $0x12345678,%rax"},
		{"66 48 05 78563412", "add $0x12345678,%rax: REX.W wins over 66"},
		{"48 66 05 3412", "add $0x1234,%ax: a REX before a prefix is void"},
		{"b8 78563412", "mov $0x12345678,%eax"},
		{"66 b8 3412", "mov $0x1234,%ax"},
		{"48 b8 8877665544332211", "movabs $0x1122334455667788,%rax"},
		{"49 bf 8877665544332211", "movabs $0x1122334455667788,%r15"},
		{"b0 01", "mov $1,%al"},
		{"a1 8877665544332211", "movabs 0x1122334455667788,%eax"},
		{"67 a1 44332211", "mov 0x11223344,%eax with addr32"},
		{"68 78563412", "push $0x12345678"},
		{"66 68 3412", "pushw $0x1234"},
		{"6a 01", "push $1"},
		{"69 c0 78563412", "imul $0x12345678,%eax,%eax"},
		{"66 69 c0 3412", "imul $0x1234,%ax,%ax"},
		{"6b c0 05", "imul $5,%eax,%eax"},
		{"80 38 00", "cmpb $0,(%rax)"},
		{"81 3d 11111111 22222222", "cmpl $0x22222222,0x11111111(%rip)"},
		{"66 81 38 3412", "cmpw $0x1234,(%rax)"},
		{"83 ec 08", "sub $8,%esp"},
		{"c7 05 11111111 22222222", "movl $0x22222222,0x11111111(%rip)"},
		{"c6 44 24 08 01", "movb $1,8(%rsp)"},
		{"f6 c1 01", "test $1,%cl"},
		{"f6 c9 01", "test $1,%cl, the alias /1"},
		{"f6 d1", "not %cl"},
		{"f7 c1 78563412", "test $0x12345678,%ecx"},
		{"66 f7 c1 3412", "test $0x1234,%cx"},
		{"f7 d9", "neg %ecx"},
		{"d1 e8", "shr %eax"},
		{"c1 e8 04", "shr $4,%eax"},
		{"d9 05 11111111", "flds 0x11111111(%rip)"},
		{"d8 c1", "fadd %st(1),%st"},
		{"9b", "fwait"},
		{"e4 10", "in $0x10,%al"},
		{"cd 80", "int $0x80"},
		{"8f 00", "pop (%rax)"},
		{"f2 ae", "repnz scas"},
		{"0f 05", "syscall"},
		{"0f a2", "cpuid"},
		{"0f c9", "bswap %ecx"},
		{"0f b6 c0", "movzbl %al,%eax"},
		{"0f a4 c8 03", "shld $3,%ecx,%eax"},
		{"0f ba e0 07", "bt $7,%eax"},
		{"0f 20 c0", "mov %cr0,%rax"},
		{"0f 20 04", "mov %cr0,%rsp: mod is ignored, no SIB follows"},
		{"0f c2 c1 02", "cmpleps %xmm1,%xmm0"},
		{"66 0f 70 c1 1b", "pshufd $0x1b,%xmm1,%xmm0"},
		{"0f 77", "emms"},
		{"0f 0f c1 9e", "pfadd %mm1,%mm0 (3DNow!)"},
		{"0f 0f 05 11111111 9e", "pfadd 0x11111111(%rip),%mm0"},
		{"0f 78 c8", "vmread %rcx,%rax"},
		{"66 0f 78 c0 04 05", "extrq $5,$4,%xmm0"},
		{"f2 0f 78 c1 04 05", "insertq $5,$4,%xmm1,%xmm0"},
		{"0f 38 00 c1", "pshufb %mm1,%mm0"},
		{"66 0f 38 f6 c1", "adcx %ecx,%eax"},
		{"f3 0f 38 f6 c1", "adox %ecx,%eax"},
		{"f2 0f 38 f0 c1", "crc32b %cl,%eax"},
		{"66 0f 3a 0f c1 04", "palignr $4,%xmm1,%xmm0"},
		{"f3 0f 3a f0 c0 01", "hreset $1"},
		{"f3 0f c7 f8", "rdpid %rax"},
		{"f3 48 0f ae e8", "incsspq %rax"},
		{"c7 f8 11223344", "xbegin"},
		{"c6 f8 01", "xabort $1"},
		{"c5 f8 77", "vzeroupper"},
		{"c5 f8 58 c1", "vaddps %xmm1,%xmm0,%xmm0"},
		{"c5 f9 70 c1 1b", "vpshufd $0x1b,%xmm1,%xmm0"},
		{"c4 e3 7d 18 c1 01", "vinsertf128 $1,%xmm1,%ymm0,%ymm0"},
		{"c4 e2 f1 b8 05 11111111", "vfmadd231pd 0x11111111(%rip),%xmm1,%xmm0"},
		{"c4 e3 f1 69 05 11111111 20", "vfmaddpd with is4 (FMA4)"},
		{"3e c4 e2 f3 f6 c0", "mulx %rax,%rcx,%rax with ds"},
		{"62 f1 7c 48 28 05 11111111", "vmovaps 0x11111111(%rip),%zmm0"},
		{"62 f3 7d 48 25 c1 ff", "vpternlogd $0xff,%zmm1,%zmm0,%zmm0"},
		{"62 f5 7c 48 58 c1", "vaddph %zmm1,%zmm0,%zmm0 (FP16, map 5)"},
		{"62 f6 7d 48 98 c1", "vfmadd132ph %zmm1,%zmm0,%zmm0 (FP16, map 6)"},
		{"8f e8 78 c0 c1 04", "vprotb $4,%xmm1,%xmm0 (XOP)"},
		{"8f e9 78 90 c1", "vprotb %xmm0,%xmm1,%xmm0 (XOP)"},
		{"8f ea 78 10 c1 11223344", "bextr $imm32,%ecx,%eax (TBM)"},
		{"66 66 2e 0f 1f 84 00 00000000", "data16 cs nopw 0(%rax,%rax,1)"},
		{"66 66 48 e8 11111111", "data16 rex.W call, from TLS relaxation"},
		{"f2 e9 11111111", "bnd jmp"},
		{"f3 c3", "repz ret"},
		{"2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 90", "fifteen bytes"},
	} {
		checkLength(t, c.asm, unhex(t, c.hex))
	}
}

func checkLength(t *testing.T, asm string, b []byte) {
	t.Helper()
	inst, err := Decode(append(b[:len(b):len(b)], 0x0f, 0x0f, 0x0f))
	if err != nil || inst.Len != len(b) {
		t.Errorf("%s (%x): length %d, %v", asm, b, inst.Len, err)
	}
	for n := range b {
		if _, err := Decode(b[:n]); err != ErrTruncated {
			t.Errorf("%s (%x) cut after %d bytes: %v", asm, b, n, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		hex, why string
		err      error
	}{
		{"", "nothing", ErrTruncated},
		{"66", "a prefix", ErrTruncated},
		{"66 e8", "no room for rel16 or rel32: refused for its prefix first", ErrUnsupported},
		{"06", "push %es", ErrInvalid},
		{"27", "daa", ErrInvalid},
		{"60", "pusha", ErrInvalid},
		{"82 c0 01", "group 1, the alias", ErrInvalid},
		{"9a 112233445566", "far call", ErrInvalid},
		{"ea 112233445566", "far jump", ErrInvalid},
		{"ce", "into", ErrInvalid},
		{"d4 0a", "aam", ErrInvalid},
		{"d6", "salc", ErrInvalid},
		{"0f 04", "undefined", ErrInvalid},
		{"0f 0a", "undefined", ErrInvalid},
		{"0f 24 c0", "test registers", ErrInvalid},
		{"0f 3b", "undefined", ErrInvalid},
		{"0f 7b c0", "undefined", ErrInvalid},
		{"8f e0", "pop with digit 4", ErrInvalid},
		{"fe d0", "group 4, digit 2", ErrInvalid},
		{"ff f8", "group 5, digit 7", ErrInvalid},
		{"ff d8", "far call through a register", ErrInvalid},
		{"c7 c8 11223344", "group 11, digit 1", ErrInvalid},
		{"c7 f9 11223344", "group 11, digit 7, not xbegin", ErrInvalid},
		{"c7 38 11223344", "group 11, digit 7, memory", ErrInvalid},
		{"66 c5 f8 77", "66 before VEX", ErrInvalid},
		{"f3 c4 e2 f3 f6 c0", "f3 before VEX", ErrInvalid},
		{"48 c5 f8 77", "REX before VEX", ErrInvalid},
		{"40 62 f1 7c 48 28 c0", "REX before EVEX", ErrInvalid},
		{"c4 e0 78 10 c0", "VEX map 0", ErrInvalid},
		{"c4 e4 78 10 c0", "VEX map 4", ErrUnsupported},
		{"62 f0 7c 48 28 c0", "EVEX map 0", ErrInvalid},
		{"62 f4 7c 48 28 c0", "EVEX map 4 (APX)", ErrUnsupported},
		{"62 f9 7c 48 28 c0", "EVEX with B4 (APX)", ErrUnsupported},
		{"62 f1 78 48 28 c0", "EVEX with X4 (APX)", ErrUnsupported},
		{"8f eb 78 10 c0", "XOP map 11", ErrInvalid},
		{"c4 e2 79 90 c0", "gather of a register", ErrInvalid},
		{"c4 e2 79 90 00", "gather without SIB", ErrInvalid},
		{"d5 00 90", "REX2 (APX)", ErrUnsupported},
		{"66 e8 11111111", "66 call", ErrUnsupported},
		{"66 e9 1111", "66 jmp", ErrUnsupported},
		{"66 eb 11", "66 short jmp", ErrUnsupported},
		{"66 74 11", "66 je", ErrUnsupported},
		{"66 0f 84 1111", "66 je, near", ErrUnsupported},
		{"66 e2 11", "66 loop", ErrUnsupported},
		{"66 c3", "66 ret", ErrUnsupported},
		{"66 ff d0", "66 call *%rax", ErrUnsupported},
		{"66 ff 20", "66 jmp *(%rax)", ErrUnsupported},
		{"66 c7 f8 1122", "66 xbegin", ErrUnsupported},
		{"2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 90", "sixteen bytes", ErrInvalid},
		{"66 66 66 66 66 66 66 66 66 66 48 05 78563412", "sixteen bytes, the last in the immediate", ErrInvalid},
	} {
		inst, err := Decode(unhex(t, c.hex))
		if !errors.Is(err, c.err) || inst != (Inst{}) {
			t.Errorf("%s (%s): %+v, %v, want %v", c.why, c.hex, inst, err, c.err)
		}
	}
}

func TestDecodeMem(t *testing.T) {
	for _, c := range []struct {
		hex, asm string
		mem      Mem
	}{
		{"8b 00", "mov (%rax),%eax", at(RAX, 0)},
		{"41 8b 07", "mov (%r15),%eax", at(R15, 0)},
		{"8b 45 00", "mov 0(%rbp),%eax", at(RBP, 0)},
		{"41 8b 45 00", "mov 0(%r13),%eax", at(R13, 0)},
		{"8b 04 24", "mov (%rsp),%eax", at(RSP, 0)},
		{"41 8b 04 24", "mov (%r12),%eax", at(R12, 0)},
		{"8b 44 24 08", "mov 8(%rsp),%eax", at(RSP, 8)},
		{"8b 45 f8", "mov -8(%rbp),%eax", at(RBP, -8)},
		{"8b 84 24 00010000", "mov 0x100(%rsp),%eax", at(RSP, 0x100)},
		{"8b 85 00ffffff", "mov -0x100(%rbp),%eax", at(RBP, -0x100)},
		{"8b 05 10000000", "mov 0x10(%rip),%eax", at(RIP, 16)},
		{"41 8b 05 f0ffffff", "mov -0x10(%rip),%eax with REX.B", at(RIP, -16)},
		{"8b 04 25 10000000", "mov 0x10,%eax", at(NoReg, 16)},
		{"64 8b 04 25 28000000", "mov %fs:0x28,%eax", withSeg(FS, at(NoReg, 0x28))},
		{"65 48 8b 00", "mov %gs:(%rax),%rax", withSeg(GS, at(RAX, 0))},
		{"3e 8b 00", "mov %ds:(%rax),%eax", at(RAX, 0)},
		{"8b 04 88", "mov (%rax,%rcx,4),%eax", PtrIndex(RAX, RCX, 4, 0)},
		{"8b 44 c8 08", "mov 8(%rax,%rcx,8),%eax", PtrIndex(RAX, RCX, 8, 8)},
		{"42 8b 04 20", "mov (%rax,%r12,1),%eax", PtrIndex(RAX, R12, 1, 0)},
		{"43 8b 44 7d 00", "mov 0(%r13,%r15,2),%eax", PtrIndex(R13, R15, 2, 0)},
		{"8b 04 0d 10000000", "mov 0x10(,%rcx,1),%eax", PtrIndex(NoReg, RCX, 1, 16)},
		{"43 8b 04 0d 10000000", "mov 0x10(,%r9,1),%eax: REX.B without a base", PtrIndex(NoReg, R9, 1, 16)},
		{"8d 44 07 01", "lea 1(%rdi,%rax),%eax", PtrIndex(RDI, RAX, 1, 1)},
		{"c4 41 7a 6f 44 24 10", "vmovdqu 0x10(%r12),%xmm8", at(R12, 16)},
		{"62 d1 7c 48 28 84 24 40000000", "vmovaps 0x40(%r12),%zmm0", at(R12, 64)},
		{"8f c9 78 90 47 04", "vprotb %xmm0,4(%r15),%xmm0", at(R15, 4)},
	} {
		inst, err := Decode(unhex(t, c.hex))
		if err != nil || !inst.HasMem || inst.Mem != c.mem || inst.VSIB || inst.Compressed {
			t.Errorf("%s (%s): %+v, %v, want %+v", c.asm, c.hex, inst, err, c.mem)
		}
		if inst.RIPRelative() != (c.mem.Base == RIP) {
			t.Errorf("%s (%s): RIPRelative %v", c.asm, c.hex, inst.RIPRelative())
		}
	}
}

// What Mem cannot express has a flag.
func TestDecodeVectorMem(t *testing.T) {
	for _, c := range []struct {
		hex, asm         string
		mem              Mem
		vsib, compressed bool
	}{
		{"c4 e2 79 90 04 a0", "vpgatherdd %xmm0,(%rax,%xmm4,4),%xmm0", Mem{Base: RAX, Index: NoReg, Scale: 4}, true, false},
		{"62 f2 7d 49 a0 44 08 01", "vpscatterdd %zmm0,4(%rax,%zmm1,1){%k1}", Mem{Base: RAX, Index: NoReg, Scale: 1, Disp: 1}, true, true},
		{"62 f1 7c 48 29 44 24 ff", "vmovaps %zmm0,-0x40(%rsp)", at(RSP, -1), false, true},
		{"62 f1 7c 48 29 04 24", "vmovaps %zmm0,(%rsp)", at(RSP, 0), false, false},
	} {
		inst, err := Decode(unhex(t, c.hex))
		if err != nil || inst.Mem != c.mem || inst.VSIB != c.vsib || inst.Compressed != c.compressed {
			t.Errorf("%s (%s): %+v, %v", c.asm, c.hex, inst, err)
		}
	}
}

func TestDecodeFields(t *testing.T) {
	none := Mem{Base: NoReg, Index: NoReg}
	for _, c := range []struct {
		hex, asm string
		want     Inst
	}{
		{"f0 48 81 84 c8 11111111 22222222", "lock addq $0x22222222,0x11111111(%rax,%rcx,8)", Inst{
			Len: 13, Op: 0x81, Rex: RexW, Lock: true, ModRM: Field{3, 1}, Disp: Field{5, 4}, Imm: Field{9, 4},
			HasMem: true, Mem: PtrIndex(RAX, RCX, 8, 0x11111111)}},
		{"66 67 44 89 7d 01", "mov %r15w,1(%ebp)", Inst{
			Len: 6, Op: 0x89, Rex: RexR, OpSize: true, AddrSize: true, ModRM: Field{4, 1}, Disp: Field{5, 1},
			Reg: 15, HasMem: true, Mem: at(RBP, 1)}},
		{"f2 f3 0f 10 c8", "movss %xmm0,%xmm1: of f2 and f3 the last counts", Inst{
			Len: 5, Map: Map0F, Op: 0x10, Rep: true, ModRM: Field{4, 1}, Reg: 1, Mem: none}},
		{"4d 0f af f9", "imul %r9,%r15", Inst{
			Len: 4, Map: Map0F, Op: 0xaf, Rex: RexW | RexR | RexB, ModRM: Field{3, 1}, Reg: 15, RM: 9, Mem: none}},
		{"0f 85 11111111", "jne", Inst{Len: 6, Map: Map0F, Op: 0x85, Rel: Field{2, 4}, Mem: none}},
		{"c7 f8 11111111", "xbegin", Inst{Len: 6, Op: 0xc7, ModRM: Field{1, 1}, Rel: Field{2, 4}, Reg: 7, Mem: none}},
		{"c4 43 bd 69 c1 20", "FMA4 with W, R, B and is4", Inst{
			Len: 6, Enc: VEX, Map: Map0F3A, Op: 0x69, Rex: RexW | RexR | RexB, OpSize: true,
			ModRM: Field{4, 1}, Imm: Field{5, 1}, Reg: 8, RM: 9, Mem: none}},
		{"c5 7b 10 c1", "vmovsd %xmm1,%xmm0,%xmm8", Inst{
			Len: 4, Enc: VEX, Map: Map0F, Op: 0x10, Rex: RexR, Repne: true, ModRM: Field{3, 1}, Reg: 8, RM: 1, Mem: none}},
		{"62 01 fe 08 6f ff", "vmovdqu64 %xmm31,%xmm31", Inst{
			Len: 6, Enc: EVEX, Map: Map0F, Op: 0x6f, Rex: RexW | RexR | RexX | RexB, Rep: true,
			ModRM: Field{5, 1}, Reg: 31, RM: 31, Mem: none}},
		{"0f 0f 05 11111111 9e", "3DNow!", Inst{
			Len: 8, Map: Map0F, Op: 0x0f, ModRM: Field{2, 1}, Disp: Field{3, 4}, Imm: Field{7, 1},
			HasMem: true, Mem: at(RIP, 0x11111111)}},
		{"8f 6a f8 10 c1 11223344", "bextr, XOP", Inst{
			Len: 9, Enc: XOP, Map: 10, Op: 0x10, Rex: RexW | RexR, ModRM: Field{4, 1}, Imm: Field{5, 4}, Reg: 8, RM: 1, Mem: none}},
	} {
		inst, err := Decode(unhex(t, c.hex))
		if err != nil || inst != c.want {
			t.Errorf("%s (%s): %v\n got %+v\nwant %+v", c.asm, c.hex, err, inst, c.want)
		}
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	rows := [][]byte{unhex(t, "62f17c48284424ff"), unhex(t, "f04881840811111111"), unhex(t, "06")}
	if n := testing.AllocsPerRun(100, func() {
		for _, b := range rows {
			Decode(b)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
