package vm

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parser reads one statement. The first error sticks and the rest of the
// statement is then read as if nothing stood there.
type parser struct {
	tokens []string
	reason string // the first error, "" as long as there is none
	label  string // a label in the place of a distance
}

// parseStatement returns the instruction, the label it waits for, and why the
// statement is none.
func parseStatement(text string) (Instruction, string, string) {
	p := &parser{tokens: tokenize(text)}
	in := p.instruction()
	if len(p.tokens) > 0 {
		p.fail("unexpected %q", p.tokens[0])
	}
	if p.reason == "" && in.OpCode != LDDW && int64(int32(in.Imm)) != in.Imm {
		p.fail("immediate does not fit into 32 bits; a 64-bit constant is written with ll after it")
	}
	return in, p.label, p.reason
}

// symbols, the longer before their own beginnings.
var symbols = []string{
	"s>>=", "s<=", "s>=", "s/=", "s%=", "s<", "s>", "<<=", ">>=",
	"==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
}

func tokenize(text string) []string {
	var tokens []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := tokenLength(text)
		tokens = append(tokens, text[:n])
		text = text[n:]
	}
	return tokens
}

func tokenLength(text string) int {
	for _, s := range symbols {
		if strings.HasPrefix(text, s) {
			return len(s)
		}
	}
	n := strings.IndexFunc(text, func(c rune) bool {
		return !(c == '_' || c == '.' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	})
	switch n {
	case -1:
		return len(text)
	case 0:
		return 1
	}
	return n
}

func (p *parser) fail(format string, args ...any) {
	if p.reason == "" {
		p.reason = fmt.Sprintf(format, args...)
	}
	p.tokens = nil
}

func (p *parser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *parser) next() string {
	t := p.peek()
	if t == "" {
		p.fail("the statement ends too early")
		return ""
	}
	p.tokens = p.tokens[1:]
	return t
}

// accept takes the token if it comes next.
func (p *parser) accept(want string) bool {
	if p.peek() != want {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) expect(wants ...string) {
	for _, want := range wants {
		if got := p.next(); got != want {
			p.fail("expected %q, not %q", want, got)
		}
	}
}

// register reads r0 to r15 or w0 to w15; wide is true for r.
func (p *parser) register() (r Register, wide bool) {
	t := p.next()
	r, wide, ok := parseRegister(t)
	if !ok {
		p.fail("expected a register, not %q", t)
	}
	return r, wide
}

func parseRegister(t string) (r Register, wide, ok bool) {
	if t == "" || t[0] != 'r' && t[0] != 'w' {
		return 0, false, false
	}
	n, err := strconv.ParseUint(t[1:], 10, 8)
	return Register(n), t[0] == 'r', err == nil && n <= uint64(R10) && (t[1] != '0' || len(t) == 2)
}

// sameRegister reads a register that has been named before.
func (p *parser) sameRegister(want Register, why string) {
	if got, _ := p.register(); got != want {
		p.fail("%s", why)
	}
}

// number reads an optional sign and a number of up to 64 bits.
func (p *parser) number() int64 {
	negative := p.accept("-")
	if !negative {
		p.accept("+")
	}
	t := p.next()
	v, err := strconv.ParseUint(t, 0, 64)
	if err != nil {
		p.fail("expected a number, not %q", t)
	}
	if negative {
		v = -v
	}
	return int64(v)
}

func (p *parser) int16() int16 {
	v := p.number()
	if v < math.MinInt16 || v > math.MaxInt16 {
		p.fail("%d does not fit into 16 bits", v)
	}
	return int16(v)
}

// immediate reads a number for an operation of 64 or 32 bits. In 32 bits
// 0xffffffff and -1 are the same.
func (p *parser) immediate(wide bool) int64 {
	v := p.number()
	if !wide && v > math.MaxInt32 && v <= math.MaxUint32 {
		v = int64(int32(v))
	}
	return v
}

// distance reads a signed number or a label.
func (p *parser) distance() int64 {
	if t := p.peek(); isName(t) {
		p.label = p.next()
		return 0
	}
	return p.number()
}

func (p *parser) distance16() int16 {
	v := p.distance()
	if v < math.MinInt16 || v > math.MaxInt16 {
		p.fail("%d does not fit into 16 bits; use gotol", v)
	}
	return int16(v)
}
