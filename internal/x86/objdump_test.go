package x86

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// line is what objdump -d -w says about one instruction.
type line struct {
	addr    uint64
	bytes   []byte
	text    string // as printed
	prefix  string // the prefixes printed before the mnemonic
	mnem    string // empty when the line is nothing but prefixes
	args    string
	comment uint64 // the address behind #, if hasComment
	has     bool
}

// objdump calls each for every instruction that objdump -d prints with args.
func objdump(each func(line), args ...string) error {
	cmd := exec.Command("objdump", append([]string{"-d", "-w", "--insn-width=16"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = scanObjdump(out, each)
	io.Copy(io.Discard, out)
	return errors.Join(err, cmd.Wait())
}

func scanObjdump(r io.Reader, each func(line)) error {
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		s := sc.Text()
		if !strings.HasPrefix(s, " ") {
			continue
		}
		l, err := parseLine(s)
		if err != nil {
			return fmt.Errorf("objdump line %q: %w", s, err)
		}
		each(l)
	}
	return sc.Err()
}

var legacyPrefixes = []byte{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3}

// prefixLen is the number of bytes before the opcode.
func (l line) prefixLen() int {
	for i, c := range l.bytes {
		if bytes.IndexByte(legacyPrefixes, c) < 0 && c&0xf0 != 0x40 {
			return i
		}
	}
	return len(l.bytes) - 1
}

var printedPrefixes = regexp.MustCompile(
	`^(?:(?:data16|addr32|cs|ds|es|ss|fs|gs|lock|repz?|repnz|bnd|notrack|xacquire|xrelease|rex(?:\.[WRXB]+)?) *)*(?: |$)`)

func parseLine(s string) (l line, err error) {
	parts := strings.SplitN(s, "\t", 3)
	if len(parts) < 3 {
		return l, fmt.Errorf("%d columns", len(parts))
	}
	if l.addr, err = strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(parts[0]), ":"), 16, 64); err != nil {
		return l, err
	}
	if l.bytes, err = hex.DecodeString(strings.ReplaceAll(parts[1], " ", "")); err != nil {
		return l, err
	}
	l.text = parts[2]
	body, comment, found := strings.Cut(parts[2], " # ")
	if found {
		f, _, _ := strings.Cut(comment, " ")
		l.comment, err = strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 64)
		l.has = err == nil
	}
	l.prefix = printedPrefixes.FindString(body)
	l.mnem, l.args, _ = strings.Cut(body[len(l.prefix):], " ")
	l.args = strings.TrimSpace(l.args)
	return l, err
}

// TestParseLine keeps the oracle honest: a line read wrongly would compare
// nothing.
func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		in         string
		mnem, args string
		n          int
		comment    uint64
	}{
		{"   1000b:\t48 85 c0                                        \ttest   %rax,%rax", "test", "%rax,%rax", 3, 0},
		{"   10004:\t48 8b 05 a5 ef 0c 00                            \tmov    0xcefa5(%rip),%rax        # defb0 <x@Base>", "mov", "0xcefa5(%rip),%rax", 7, 0xdefb0},
		{"   10004:\t66 66 2e 0f 1f 84 00 00 00 00 00                \tdata16 cs nopw 0x0(%rax,%rax,1)", "nopw", "0x0(%rax,%rax,1)", 11, 0},
		{"   10004:\t3e ff e0                                        \tnotrack jmp *%rax", "jmp", "*%rax", 3, 0},
		{"   10004:\tf3 c3                                           \trepz ret", "ret", "", 2, 0},
		{"   10004:\t48                                              \trex.W", "", "", 1, 0},
		{"   10004:\tf3 a4                                           \trep movsb %ds:(%rsi),%es:(%rdi)", "movsb", "%ds:(%rsi),%es:(%rdi)", 2, 0},
		{"   10004:\t90                                              \tnop", "nop", "", 1, 0},
	} {
		l, err := parseLine(c.in)
		if err != nil || l.mnem != c.mnem || l.args != c.args || len(l.bytes) != c.n || l.comment != c.comment {
			t.Errorf("%q: %+v, %v", c.in, l, err)
		}
	}
}
