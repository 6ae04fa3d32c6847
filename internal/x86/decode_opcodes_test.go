package x86

import (
	"os"
	"path/filepath"
	"testing"
)

// slotLen is the room each synthetic instruction gets. One long nop fills it:
// prefixes, which may also pass for displacement and immediate, and 90.
const slotLen = 16

// TestEveryOpcode compares every opcode of every map with objdump, where
// libraries have only what compilers emit.
func TestEveryOpcode(t *testing.T) {
	for _, c := range []struct {
		name    string
		code    []byte
		atLeast int
	}{
		{"legacy", legacyOpcodes(), 100000},
		{"vex", vexOpcodes(), 10000},
		{"evex", evexOpcodes(), 10000},
		{"xop", xopOpcodes(), 500},
	} {
		t.Run(c.name, func(t *testing.T) { compareSlots(t, c.code, c.atLeast) })
	}
}

func compareSlots(t *testing.T, code []byte, atLeast int) {
	file := filepath.Join(t.TempDir(), "code.bin")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	var n tally
	each := func(l line) {
		if l.addr%slotLen == 0 {
			n.add(t, l)
		}
	}
	if err := objdump(each, "-D", "-b", "binary", "-m", "i386:x86-64", file); err != nil {
		t.Fatal(err)
	}
	n.report(t, "opcodes", atLeast)
}

// appendSlot adds one instruction, given in parts.
func appendSlot(code []byte, parts ...[]byte) []byte {
	end := len(code) + slotLen
	for _, p := range parts {
		code = append(code, p...)
	}
	for len(code) < end-1 {
		code = append(code, 0x2e)
	}
	return append(code[:end-1], 0x90)
}

// tails are ModRM, SIB, displacement and immediate bytes: each kind of operand
// once, and each reg field with memory and with a register.
func tails() (all [][]byte) {
	rest := []byte{0x11, 0x22, 0x33, 0x04}
	add := func(b ...byte) { all = append(all, append(b, rest...)) }
	for reg := byte(0); reg < 8; reg++ {
		add(0x01 | reg<<3)
		add(0xc0 | reg<<3)
		add(0xc2 | reg<<3)
	}
	add(0x05)       // RIP
	add(0x04, 0x25) // absolute
	add(0x04, 0x2d) // index, no base
	add(0x44, 0x24) // rsp, disp8
	add(0x84, 0x98) // base and index, disp32
	add(0x45)       // rbp, disp8
	add(0x9b)       // rbx, disp32
	return all
}

func legacyOpcodes() (code []byte) {
	escapes := [][]byte{{}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}}
	prefixes := [][]byte{{}, {0x66}, {0xf2}, {0xf3}, {0x48}, {0x66, 0x48}, {0x67}, {0xf3, 0x4f}, {0x64, 0x41}}
	for _, prefix := range prefixes {
		for _, escape := range escapes {
			for op := 0; op < 256; op++ {
				for _, tail := range tails() {
					code = appendSlot(code, prefix, escape, []byte{byte(op)}, tail)
				}
			}
		}
	}
	return code
}

// vectorTails has the gathers' operands too, and of the registers only two.
func vectorTails() [][]byte {
	all := tails()
	return append([][]byte{all[0], all[1]}, all[24:]...)
}

func vexOpcodes() (code []byte) {
	for m := byte(1); m <= 3; m++ {
		for p1 := byte(0); p1 < 16; p1++ { // L pp and, as its top bit, W
			payload := []byte{0xc4, 0xe0 | m, p1>>3<<7 | 0x78 | p1&7}
			for op := 0; op < 256; op++ {
				for _, tail := range vectorTails() {
					code = appendSlot(code, payload, []byte{byte(op)}, tail)
				}
			}
		}
	}
	return code
}

// evexOpcodes has the mask k1 everywhere, since gathers require one.
func evexOpcodes() (code []byte) {
	for _, m := range []byte{1, 2, 3, 5, 6} {
		for p := byte(0); p < 24; p++ { // pp, W, L'L
			payload := []byte{0x62, 0xf0 | m, p>>2<<7 | 0x7c | p&3, p>>3<<5 | 0x09}
			for op := 0; op < 256; op++ {
				for _, tail := range vectorTails() {
					code = appendSlot(code, payload, []byte{byte(op)}, tail)
				}
			}
		}
	}
	return code
}

func xopOpcodes() (code []byte) {
	for m := byte(8); m <= 10; m++ {
		for _, p1 := range []byte{0x78, 0xf8, 0x7c} {
			for op := 0; op < 256; op++ {
				for _, tail := range tails() {
					code = appendSlot(code, []byte{0x8f, 0xe0 | m, p1, byte(op)}, tail)
				}
			}
		}
	}
	return code
}
