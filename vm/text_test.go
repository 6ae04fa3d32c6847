package vm

import (
	"encoding/hex"
	"math/rand"
	"strings"
	"testing"
)

// golden pairs are written by hand from RFC 9669, bytes in memory order.
var golden = []struct{ text, hex string }{
	{"r1 += r2", "0f21000000000000"},
	{"r10 += -8", "070a0000f8ffffff"},
	{"w1 -= w10", "1ca1000000000000"},
	{"r3 *= 2147483647", "27030000ffffff7f"},
	{"r3 /= r4", "3f43000000000000"},
	{"w3 /= 7", "3403000007000000"},
	{"r3 s/= r4", "3f43010000000000"},
	{"w3 s/= -7", "34030100f9ffffff"},
	{"r5 |= r6", "4f65000000000000"},
	{"w5 &= 255", "54050000ff000000"},
	{"r5 <<= 63", "670500003f000000"},
	{"r5 >>= r1", "7f15000000000000"},
	{"w5 s>>= 31", "c40500001f000000"},
	{"r5 s>>= r0", "cf05000000000000"},
	{"r6 %= r7", "9f76000000000000"},
	{"w6 s%= w7", "9c76010000000000"},
	{"r6 ^= -1", "a7060000ffffffff"},
	{"r7 = r8", "bf87000000000000"},
	{"w7 = -1", "b4070000ffffffff"},
	{"w7 = (s8)w8", "bc87080000000000"},
	{"r7 = (s16)r8", "bf87100000000000"},
	{"r7 = (s32)r8", "bf87200000000000"},
	{"r8 = -r8", "8708000000000000"},
	{"w8 = -w8", "8408000000000000"},
	{"r9 = le16 r9", "d409000010000000"},
	{"r9 = be32 r9", "dc09000020000000"},
	{"r9 = bswap64 r9", "d709000040000000"},
	{"r1 = 0x1122334455667788 ll", "18010000887766550000000044332211"},
	{"r1 = 0xffffffffffffffff ll", "18010000ffffffff00000000ffffffff"},
	{"r1 = map[3]", "18110000030000000000000000000000"},
	{"r1 = map[3][0]+8", "18210000030000000000000008000000"},
	{"r1 = subprog[+5]", "18410000050000000000000000000000"},
	{"r1 = subprog[-5]", "18410000fbffffff0000000000000000"},
	{"r0 = *(u8 *)(r1 + 0)", "7110000000000000"},
	{"r0 = *(u16 *)(r1 + 2)", "6910020000000000"},
	{"r0 = *(u32 *)(r1 + 4)", "6110040000000000"},
	{"r0 = *(u64 *)(r10 - 8)", "79a0f8ff00000000"},
	{"r0 = *(s8 *)(r1 - 32768)", "9110008000000000"},
	{"r0 = *(s16 *)(r1 + 32767)", "8910ff7f00000000"},
	{"r0 = *(s32 *)(r1 + 0)", "8110000000000000"},
	{"*(u8 *)(r2 + 1) = r3", "7332010000000000"},
	{"*(u16 *)(r2 + 1) = r3", "6b32010000000000"},
	{"*(u32 *)(r2 + 1) = r3", "6332010000000000"},
	{"*(u64 *)(r10 - 16) = r3", "7b3af0ff00000000"},
	{"*(u8 *)(r2 + 0) = 255", "72020000ff000000"},
	{"*(u64 *)(r2 + 0) = -1", "7a020000ffffffff"},
	{"lock *(u32 *)(r1 + 4) += w2", "c321040000000000"},
	{"lock *(u64 *)(r1 + 4) |= r2", "db21040040000000"},
	{"lock *(u64 *)(r1 + 4) &= r2", "db21040050000000"},
	{"lock *(u64 *)(r1 + 4) ^= r2", "db210400a0000000"},
	{"r0 = atomic_fetch_add((u64 *)(r10 - 8), r0)", "db0af8ff01000000"},
	{"w0 = atomic_fetch_or((u32 *)(r10 - 8), w0)", "c30af8ff41000000"},
	{"r3 = atomic_fetch_and((u64 *)(r10 - 8), r3)", "db3af8ff51000000"},
	{"r3 = atomic_fetch_xor((u64 *)(r10 - 8), r3)", "db3af8ffa1000000"},
	{"r3 = xchg_64(r10 - 8, r3)", "db3af8ffe1000000"},
	{"w3 = xchg32_32(r10 - 8, w3)", "c33af8ffe1000000"},
	{"r0 = cmpxchg_64(r1 + 8, r0, r2)", "db210800f1000000"},
	{"w0 = cmpxchg32_32(r1 + 8, w0, w2)", "c3210800f1000000"},
	{"w3 = load_acquire((u32 *)(r1 + 8))", "c313080000010000"},
	{"r3 = load_acquire((u8 *)(r1 + 8))", "d313080000010000"},
	{"store_release((u64 *)(r1 + 8), r3)", "db31080010010000"},
	{"store_release((u16 *)(r1 + 8), r3)", "cb31080010010000"},
	{"r1 = addr_space_cast(r2, 0x0, 0x1)", "bf21010001000000"},
	{"r1 = addr_space_cast(r2, 0x1, 0x0)", "bf21010000000100"},
	{"goto +3", "0500030000000000"},
	{"goto -3", "0500fdff00000000"},
	{"may_goto +3", "e500030000000000"},
	{"gotol +70000", "0600000070110100"},
	{"if r1 == r2 goto +1", "1d21010000000000"},
	{"if r1 != -1 goto +1", "55010100ffffffff"},
	{"if r1 & 8 goto +1", "4501010008000000"},
	{"if w1 > w2 goto +1", "2e21010000000000"},
	{"if w1 >= 5 goto -1", "3601ffff05000000"},
	{"if r1 < r2 goto +1", "ad21010000000000"},
	{"if r1 <= 5 goto +1", "b501010005000000"},
	{"if w1 s> 5 goto +3", "6601030005000000"},
	{"if w1 s>= w2 goto +3", "7e21030000000000"},
	{"if r1 s< -5 goto +3", "c5010300fbffffff"},
	{"if r1 s<= r2 goto +3", "dd21030000000000"},
	{"call 5", "8500000005000000"},
	{"call pc-2", "85100000feffffff"},
	{"call kfunc 9", "8520000009000000"},
	{"callx r1", "8d01000000000000"},
	{"exit", "9500000000000000"},
	{".insn 0xe5, 0, 1, 3, 0", "e510030000000000"},                          // no such condition
	{".insn 0x07, 0, 1, 0, 1", "0710000001000000"},                          // unused source
	{".insn 0xff, 15, 15, -1, -1", "ffffffffffffffff"},                      // nothing at all
	{".insn 0xc3, 1, 2, 0, 176", "c3210000b0000000"},                        // no such atomic operation
	{".insn 0x18, 1, 9, 0, 4294967297", "18910000010000000000000001000000"}, // no such LDDW
}

func TestTextAndBytes(t *testing.T) {
	for _, g := range golden {
		code, err := hex.DecodeString(g.hex)
		if err != nil {
			t.Fatal(err)
		}
		insns, err := Decode(code)
		if err != nil || len(insns) != 1 {
			t.Errorf("%s: decode %s: %v, %v", g.text, g.hex, insns, err)
			continue
		}
		if got := insns[0].String(); got != g.text {
			t.Errorf("disassemble %s: got %q, want %q", g.hex, got, g.text)
		}
		parsed, err := Assemble(g.text)
		if err != nil {
			t.Errorf("assemble: %v", err)
			continue
		}
		if bytes, err := Encode(parsed); err != nil || hex.EncodeToString(bytes) != g.hex {
			t.Errorf("assemble %q: got %x, %v, want %s", g.text, bytes, err, g.hex)
		}
	}
}

// Other ways to write the same.
func TestSynonyms(t *testing.T) {
	for _, s := range []struct{ text, canonical string }{
		{"w0 = *(u32 *)(r1 + 4)", "r0 = *(u32 *)(r1 + 4)"},
		{"*(u32*)(r2+0)=w3", "*(u32 *)(r2 + 0) = r3"},
		{"lock *(u32*)(r1 + 4) += r2", "lock *(u32 *)(r1 + 4) += w2"},
		{"r0 = atomic_fetch_add((u32 *)(r1 + 0), r0)", "w0 = atomic_fetch_add((u32 *)(r1 + 0), w0)"},
		{"r1 = 1234605616436508552 ll", "r1 = 0x1122334455667788 ll"},
		{"r1 = -1 ll", "r1 = 0xffffffffffffffff ll"},
		{"w1 = 0xffffffff", "w1 = -1"},
		{"if w1 == 0xffffffff goto +0", "if w1 == -1 goto +0"},
		{"call 0x5", "call 5"},
		{"r1 = 0x10 # comment", "r1 = 16"},
		{"r1 = 5 // comment", "r1 = 5"},
		{"goto 5", "goto +5"},
	} {
		insns, err := Assemble(s.text)
		if err != nil || len(insns) != 1 || insns[0].String() != s.canonical {
			t.Errorf("%q: got %v, %v, want %q", s.text, insns, err, s.canonical)
		}
	}
}

// Every instruction that fits into bytes survives the way through its text and
// through its bytes, sensible or not.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for op := range 256 {
		for range 400 {
			checkRoundTrip(t, randomInstruction(r, OpCode(op)))
		}
	}
}

// randomInstruction prefers fields that make sense, so that texts other than
// .insn are reached.
func randomInstruction(r *rand.Rand, op OpCode) Instruction {
	pick := func(common ...int64) int64 {
		if n := r.Intn(len(common) + 2); n < len(common) {
			return common[n]
		}
		return int64(int32(r.Uint32()))
	}
	in := Instruction{
		OpCode: op,
		Dst:    Register(pick(0, 1, 10) & 15),
		Src:    Register(pick(0, 0, 1, 2, 4, 10) & 15),
		Off:    int16(pick(0, 0, 0, 1, 8, 16, 32)),
		Imm:    pick(0, 0, 1, 0x40, 0x51, 0xa1, 0xe1, 0xf1, 0x100, 0x110, 16, 32, 64),
	}
	if op == LDDW && r.Intn(2) == 0 {
		in.Imm = int64(r.Uint64())
	}
	return in
}

func checkRoundTrip(t *testing.T, in Instruction) {
	t.Helper()
	parsed, err := Assemble(in.String())
	if err != nil || len(parsed) != 1 || parsed[0] != in {
		t.Errorf("%+v: text %q reads as %+v, %v", in, in, parsed, err)
	}
	code, err := Encode([]Instruction{in})
	if err != nil {
		t.Errorf("%v: %v", in, err)
	}
	decoded, err := Decode(code)
	if err != nil || len(decoded) != 1 || decoded[0] != in {
		t.Errorf("%+v: bytes %x read as %+v, %v", in, code, decoded, err)
	}
}

func TestLabels(t *testing.T) {
	insns, err := Assemble(`
	start:	r1 = 1 ll                    # two slots
		if r1 == 0 goto done; gotol start
		r2 = subprog[helper]
		call helper
	done:	exit
	helper:
		r0 = 0; goto end             // forward, over nothing
	end:	exit`)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(`
   0: r1 = 0x1 ll
   2: if r1 == 0 goto +4
   3: gotol -4
   4: r2 = subprog[+3]
   6: call pc+1
   7: exit
   8: r0 = 0
   9: goto +0
  10: exit`)
	if got := strings.TrimSpace(Disassemble(insns)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAssembleErrors(t *testing.T) {
	for text, want := range map[string]string{
		"r1 = ":                           "line 1: r1 =: the statement ends too early",
		"exit\nr11 = 5":                   `line 2: r11 = 5: expected a register, not "r11"`,
		"r1 += w2":                        "line 1: r1 += w2: r and w registers do not mix",
		"r1 = 0x100000000":                "line 1: r1 = 0x100000000: immediate does not fit into 32 bits; a 64-bit constant is written with ll after it",
		"w1 = 5 ll":                       "line 1: w1 = 5 ll: a 64-bit constant does not fit into a w register",
		"if r1 ~ 5 goto +1":               `line 1: if r1 ~ 5 goto +1: unknown comparison "~"`,
		"goto +40000":                     "line 1: goto +40000: 40000 does not fit into 16 bits; use gotol",
		"goto nowhere":                    `line 1: goto nowhere: label "nowhere" is not defined`,
		"a: exit; a: exit":                "line 1: a: exit: label defined twice",
		"r0 = *(u24 *)(r1 + 0)":           `line 1: r0 = *(u24 *)(r1 + 0): unknown type "u24"`,
		"r0 = *(u64 *)(w1 + 0)":           "line 1: r0 = *(u64 *)(w1 + 0): an address is in a 64-bit register",
		"r0 = *(u64 *)(r1 0)":             `line 1: r0 = *(u64 *)(r1 0): expected + or - and an offset, not "0"`,
		"w0 = *(u64 *)(r1 + 0)":           "line 1: w0 = *(u64 *)(r1 + 0): 64 bits do not fit into a w register",
		"*(s32 *)(r1 + 0) = r2":           "line 1: *(s32 *)(r1 + 0) = r2: a store has no sign",
		"lock *(u64 *)(r1 + 0) -= r2":     "line 1: lock *(u64 *)(r1 + 0) -= r2: only +=, |=, &= and ^= are atomic",
		"r1 = xchg_64(r2 + 0, r3)":        "line 1: r1 = xchg_64(r2 + 0, r3): the old value goes to the register that held the new one",
		"r1 = cmpxchg_64(r2 + 0, r1, r3)": "line 1: r1 = cmpxchg_64(r2 + 0, r1, r3): the old value goes to r0",
		"r1 = -r2":                        "line 1: r1 = -r2: a register is negated in place",
		"r1 = be24 r1":                    `line 1: r1 = be24 r1: unknown operation "be24"`,
		"exit now":                        `line 1: exit now: unexpected "now"`,
	} {
		_, err := Assemble(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestEncodeRefusesWhatHasNoBytes(t *testing.T) {
	for _, in := range []Instruction{
		{OpCode: ALU64 | MOV, Imm: 1 << 31},
		{OpCode: ALU64 | MOV, Dst: 16},
	} {
		if code, err := Encode([]Instruction{in}); err == nil {
			t.Errorf("%+v: encoded as %x", in, code)
		}
	}
}
