package yaml

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func (p *parser) singleQuoted() (string, error) {
	var b []byte
	for p.pos++; ; {
		switch c := p.peek(0); {
		case c == 0 || p.atMarker():
			return "", p.errorf("the text ends inside quotes; a closing ' is missing")
		case c == '\n':
			b = p.quotedBreak(b, 0)
			continue
		case c == '\'' && p.peek(1) != '\'':
			p.pos++
			return string(b), nil
		case c == '\'':
			p.pos++ // '' is one quote
		}
		b = append(b, p.text[p.pos])
		p.pos++
	}
}

// doubleQuoted reads a scalar with escapes. b[:hard] ends with an escape: white space written so stays.
func (p *parser) doubleQuoted() (string, error) {
	var b []byte
	hard := 0
	for p.pos++; ; {
		switch c := p.peek(0); {
		case c == 0 || p.atMarker():
			return "", p.errorf("the text ends inside quotes; a closing \" is missing")
		case c == '"':
			p.pos++
			return string(b), nil
		case c == '\n':
			b = p.quotedBreak(b, hard)
			hard = len(b)
		case c == '\\':
			var err error
			if b, err = p.escape(b); err != nil {
				return "", err
			}
			hard = len(b)
		default:
			b = append(b, c)
			p.pos++
		}
	}
}

// quotedBreak folds the line ends at the cursor; the white space before them, down to b[:hard], and after them goes.
func (p *parser) quotedBreak(b []byte, hard int) []byte {
	for len(b) > hard && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return fold(b, p.blankLines())
}

// simpleEscapes are pairs of the letter after the backslash and what it stands for (YAML 1.2 section 5.7).
const simpleEscapes = "0\x00a\ab\bt\tn\nv\vf\fr\re\x1b  \"\"//\\\\"

// runeEscapes are the same beyond ASCII.
var runeEscapes = [...]struct {
	letter byte
	r      rune
}{{'N', 0x85}, {'_', 0xa0}, {'L', 0x2028}, {'P', 0x2029}}

// escape appends to b what the escape at the cursor stands for.
func (p *parser) escape(b []byte) ([]byte, error) {
	c := p.peek(1)
	for i := 0; i < len(simpleEscapes); i += 2 {
		if c == simpleEscapes[i] {
			p.pos += 2
			return append(b, simpleEscapes[i+1]), nil
		}
	}
	for _, e := range runeEscapes {
		if c == e.letter {
			p.pos += 2
			return utf8.AppendRune(b, e.r), nil
		}
	}
	switch c {
	case '\n':
		return p.escapedBreak(b), nil
	case 'x':
		return p.escapedHex(b, 2)
	case 'u':
		return p.escapedHex(b, 4)
	case 'U':
		return p.escapedHex(b, 8)
	}
	return nil, p.errorf("unknown escape in double quotes; write \\\\ for a backslash, or use single quotes")
}

// escapedBreak is a backslash at the end of a line: the break and the next line's indentation go, blank lines stay.
func (p *parser) escapedBreak(b []byte) []byte {
	p.pos++
	for range p.blankLines() - 1 {
		b = append(b, '\n')
	}
	return b
}

// escapedHex reads \x, \u and \U; JSON writes characters above U+FFFF as two \u.
func (p *parser) escapedHex(b []byte, digits int) ([]byte, error) {
	r, ok := p.hex(2, digits)
	length := 2 + digits
	if utf16.IsSurrogate(r) && p.peek(6) == '\\' && p.peek(7) == 'u' {
		low, _ := p.hex(8, 4)
		r = utf16.DecodeRune(r, low)
		length, ok = 12, r != utf8.RuneError
	}
	if !ok || !utf8.ValidRune(r) {
		return nil, p.errorf("\\%c must be followed by the %d hexadecimal digits of a character", p.peek(1), digits)
	}
	p.pos += length
	return utf8.AppendRune(b, r), nil
}

// hex reads n hexadecimal digits that begin at places ahead of the cursor.
func (p *parser) hex(at, n int) (r rune, ok bool) {
	for i := range n {
		d := strings.IndexByte("0123456789abcdef", p.peek(at+i)|0x20)
		if d < 0 || r > utf8.MaxRune {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
