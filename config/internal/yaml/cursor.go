package yaml

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// parser is a cursor in the text. Its invariant: text[bol:pos] is the part of line number line that was read.
type parser struct {
	text      []byte
	pos       int
	line, bol int

	mark, markCol int // column of text[mark]: counting goes on from here, so that long lines stay linear

	depth, nodes int
	anchors      map[string]*Node
}

// peek returns the byte n places ahead, 0 past the end: the text itself has no zero byte.
func (p *parser) peek(n int) byte {
	if p.pos+n < len(p.text) {
		return p.text[p.pos+n]
	}
	return 0
}

func isBlank(c byte) bool  { return c == ' ' || c == '\t' }
func isBlankZ(c byte) bool { return isBlank(c) || c == '\n' || c == 0 }
func isFlow(c byte) bool   { return c == ',' || c == '[' || c == ']' || c == '{' || c == '}' }

// newline steps over the line feed at the cursor.
func (p *parser) newline() {
	p.pos++
	p.line++
	p.bol = p.pos
	p.mark, p.markCol = p.pos, 1
}

// indent is the number of bytes before the cursor in its line. It is compared only where these are spaces and dashes.
func (p *parser) indent() int { return p.pos - p.bol }

// col is the column of the cursor, in characters from 1.
func (p *parser) col() int {
	p.markCol += utf8.RuneCount(p.text[p.mark:p.pos])
	p.mark = p.pos
	return p.markCol
}

// place is a cursor to come back to.
type place struct{ pos, line, bol, mark, markCol int }

func (p *parser) here() place { return place{p.pos, p.line, p.bol, p.mark, p.markCol} }

func (p *parser) back(to place) {
	p.pos, p.line, p.bol, p.mark, p.markCol = to.pos, to.line, to.bol, to.mark, to.markCol
}

func (p *parser) errorf(format string, args ...any) error {
	return &Error{p.line, p.col(), fmt.Sprintf(format, args...)}
}

// node makes a node that begins at the cursor.
func (p *parser) node(kind Kind) (*Node, error) { return p.nodeAt(kind, p.line, p.col()) }

func (p *parser) nodeAt(kind Kind, line, col int) (*Node, error) {
	if p.nodes++; p.nodes > MaxNodes {
		return nil, p.errorf("more than %d values", MaxNodes)
	}
	return &Node{Kind: kind, Line: line, Col: col}, nil
}

// enter counts one level of nesting; the caller undoes it with p.depth--.
func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.errorf("nested deeper than %d levels", MaxDepth)
	}
	return nil
}

func (p *parser) skipBlanks() {
	for isBlank(p.peek(0)) {
		p.pos++
	}
}

// atComment reports whether a comment begins here: '#' does so only after white space.
func (p *parser) atComment() bool {
	return p.peek(0) == '#' && (p.pos == p.bol || isBlank(p.text[p.pos-1]))
}

// skip steps over white space, comments and line ends, and reports whether it came to a new line.
func (p *parser) skip() (crossed bool) {
	for {
		p.skipBlanks()
		if p.atComment() {
			p.skipLine()
		}
		if p.peek(0) != '\n' {
			return crossed
		}
		p.newline()
		crossed = true
	}
}

func (p *parser) skipLine() {
	if n := bytes.IndexByte(p.text[p.pos:], '\n'); n >= 0 {
		p.pos += n
	} else {
		p.pos = len(p.text)
	}
}

// skipBlock is skip in block context, where a tab may separate but never indent.
func (p *parser) skipBlock() (crossed bool, err error) {
	crossed = p.skip()
	if !crossed || p.pos == len(p.text) {
		return crossed, nil
	}
	return crossed, p.checkIndent()
}

// checkIndent refuses a tab between the line's begin and the cursor.
func (p *parser) checkIndent() error {
	tab := bytes.IndexByte(p.text[p.bol:p.pos], '\t')
	if tab < 0 {
		return nil
	}
	return &Error{p.line, tab + 1, "a tab indents this line; YAML indents with spaces"}
}

// atMarker reports whether a document marker, "---" or "...", begins here.
func (p *parser) atMarker() bool {
	if p.pos != p.bol || !isBlankZ(p.peek(3)) {
		return false
	}
	c := p.peek(0)
	return (c == '-' || c == '.') && p.peek(1) == c && p.peek(2) == c
}

// atEnd reports whether the document ends here.
func (p *parser) atEnd() bool { return p.pos == len(p.text) || p.atMarker() }

// document reads everything: an optional "---", one node, an optional "...".
func (p *parser) document() (*Node, error) {
	p.skip()
	if err := p.checkIndent(); err != nil && p.pos < len(p.text) {
		return nil, err
	}
	if p.peek(0) == '%' && p.pos == p.bol {
		return nil, p.errorf("directives are not read here; remove this line")
	}
	fresh := !p.atMarker()
	switch {
	case !fresh && p.peek(0) == '.':
		return nil, p.errorf("the document ends here, before anything in it")
	case !fresh:
		p.pos += 3
	}
	root, err := p.blockNode(-1, fresh, false)
	if err != nil {
		return nil, err
	}
	return root, p.finish()
}

// finish expects the end of the text after the document.
func (p *parser) finish() error {
	if _, err := p.skipBlock(); err != nil {
		return err
	}
	if p.atMarker() && p.peek(0) == '.' {
		p.pos += 3
		p.skip()
	}
	if p.pos == len(p.text) {
		return nil
	}
	if p.atMarker() {
		return p.errorf("a second document begins here; a manifest is one document")
	}
	return p.errorf("this text belongs to nothing above it; indent it like its neighbours")
}
